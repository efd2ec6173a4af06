from pgward.pgwire import md5


def test_what_postgresql_expects() -> None:
    """``select 'md5' || md5(md5('pencil' || 'ann') || 'salt')`` in psql."""
    found = md5.response(b"ann", b"pencil", b"salt")
    assert found == b"md54933d913ee8ea3c8d73c6322de31508f"
