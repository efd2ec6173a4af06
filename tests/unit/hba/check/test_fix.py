from pgward.hba.check.fix import Edit, Mode


def test_fixes_are_compared_by_what_they_do() -> None:
    assert Edit("/hba", 1, 2, b"", (1, 2), (1, 3)) == Edit("/hba", 1, 2, b"", (1, 2), (1, 3))
    assert Mode("/key", 0o600) != Mode("/key", 0o640)
