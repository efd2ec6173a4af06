from pgward.ca.store import log_heads
from pgward.pki import merkle
from pgward.pki.tree_head import TreeHead
from tests.fixtures.authority import START


def test_heads_are_kept_as_they_were_signed_in_their_order(store):
    heads = [TreeHead("ab", size, merkle.EMPTY_ROOT, START) for size in (0, 7, 7)]
    with store.write() as transaction:
        saved = [
            log_heads.save(transaction, head, f"jws{number}", number)
            for number, head in enumerate(heads, 1)
        ]
    with store.read() as connection:
        assert list(log_heads.every(connection)) == saved
        assert log_heads.newest(connection) == saved[-1]
        assert log_heads.at_size(connection, 7) == saved[1]


def test_a_new_store_has_no_head(store):
    with store.read() as connection:
        assert log_heads.newest(connection) is None
        assert list(log_heads.every(connection)) == []
