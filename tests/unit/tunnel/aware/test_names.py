"""What names of statements and portals stand for."""

from pgward.tunnel.aware.names import Names, Text

ONE, TWO = Text(b"select 1", whole=True), Text(b"select 2", whole=True)


def test_up_to_the_sync_a_name_stands_for_what_was_said_last():
    names = Names()
    names.statement(b"", ONE)
    names.statement(b"", TWO)
    names.portal(b"", b"")
    assert names.of_portal(b"") == (TWO,)
    assert names.of_portal(b"other") == ()


def test_behind_the_sync_it_may_stand_for_either_until_it_is_answered():
    names = Names()
    names.statement(b"s", ONE)
    names.confirmed()
    names.synced()
    names.statement(b"s", TWO)
    names.synced()
    names.portal(b"", b"s")
    assert names.of_portal(b"") == (ONE, TWO)
    names.dropped()
    names.synced()
    names.confirmed()
    names.portal(b"", b"s")
    assert names.of_portal(b"") == (ONE,)


def test_a_parse_that_fails_changes_nothing():
    names = Names()
    names.statement(b"s", ONE)
    names.confirmed()
    names.statement(b"s", TWO)
    names.dropped()
    names.synced()
    names.portal(b"", b"s")
    assert names.of_portal(b"") == (ONE,)


def test_a_close_that_is_ignored_removes_nothing():
    names = Names()
    names.statement(b"s", ONE)
    names.confirmed()
    names.closed(b"S", b"s")
    names.dropped()
    names.synced()
    names.portal(b"p", b"s")
    assert names.of_portal(b"p") == (ONE,)
    names.confirmed()
    names.closed(b"S", b"s")
    names.confirmed()
    names.synced()
    assert names.of_portal(b"p") == (ONE,)
    names.portal(b"q", b"s")
    assert names.of_portal(b"q") == ()


def test_a_denied_parse_stands_for_nothing():
    names = Names()
    names.statement(b"", None)
    names.portal(b"", b"")
    assert names.of_portal(b"") == ()


def test_memory_is_bounded():
    names = Names(most_bytes=100, most_names=5)
    for number in range(20):
        names.statement(b"%d" % number, ONE)
        names.confirmed()
    names.synced()
    found = []
    for number in range(20):
        names.portal(b"", b"%d" % number)
        found.append(len(names.of_portal(b"")))
    assert found == [0] * 15 + [1] * 5


def test_too_many_meanings_are_none():
    names = Names()
    for number in range(20):
        names.statement(b"s", Text(b"%d" % number, whole=True))
        names.synced()
    names.portal(b"", b"s")
    assert names.of_portal(b"") == ()


def test_names_without_a_sync_are_bounded():
    names = Names()
    for number in range(25_000):
        names.statement(b"%d" % number, ONE)
    names.portal(b"", b"24999")
    assert names.of_portal(b"") == (ONE,)


UNREAD = (Text(b"", whole=False),)
LONG = b"a" * 63


def test_a_name_that_postgresql_may_cut_stands_for_what_cannot_be_read():
    names = Names()
    names.statement(LONG, ONE)
    names.confirmed()
    names.closed(b"S", LONG + b"x")
    names.statement(LONG + b"x", TWO)
    for _ in range(2):
        names.confirmed()
    names.synced()
    for name in (LONG, LONG + b"x", LONG + b"y"):
        names.portal(b"", name)
        assert names.of_portal(b"") == UNREAD


def test_a_name_beyond_ascii_stands_for_what_cannot_be_read():
    names = Names()
    names.statement(b"s", ONE)
    names.portal("né".encode(), b"s")
    assert names.of_portal("né".encode()) == UNREAD


def test_texts_that_are_not_answered_take_no_more_memory_than_others():
    names = Names(most_bytes=1000)
    for number in range(50):
        names.statement(b"%d" % number, Text(b"%d" % number * 50, whole=True))
    held = {text for texts in names._certain.values() for text in texts}
    held |= {text for _, texts in names._awaited for text in texts or ()}
    assert sum(len(text.text) for text in held) <= 2000
    names.portal(b"", b"49")
    assert names.of_portal(b"") == (Text(b"49" * 50, whole=True),)
    names.portal(b"", b"48")
    names.synced()
    names.portal(b"", b"40")
    assert names.of_portal(b"") == UNREAD
    for _ in range(50):
        names.confirmed()
    names.portal(b"", b"3")
    assert names.of_portal(b"")[-1] == Text(b"3" * 50, whole=True)
