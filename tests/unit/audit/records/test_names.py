"""What nobody can know for certain is not told: names that may be the same, or changed by SQL."""

import pytest

from pgward.audit.records.names import cut, deallocated, is_plain
from pgward.pgwire import backend as b
from pgward.pgwire import frontend as f
from pgward.pgwire.framing import message
from tests.fixtures.talk import Talk

LONG = "a" * 63
READY = b.ready()
PARSED, BOUND, CLOSED = (message(kind) for kind in (b"1", b"2", b"3"))
DONE = b.command_complete("SELECT 1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", True),
        ("s1", True),
        ('a "b"', True),
        (LONG, True),
        (LONG + "x", False),
        ("né", False),
        ("\\xff", False),
    ],
)
def test_a_name_is_plain_or_may_mean_another(name, expected):
    assert is_plain(name) is expected


def test_a_name_is_cut_as_postgresql_does():
    assert (cut(LONG + "x"), cut("s1")) == (LONG, "s1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DEALLOCATE s1", "s1"),
        (" deallocate prepare S1 ; ", "s1"),
        ('DEALLOCATE "a ""b"', 'a "b'),
        ("DEALLOCATE s1; PREPARE s1 AS DELETE FROM t", None),
        ("BEGIN; DEALLOCATE s1", None),
        ("/**/ DEALLOCATE s1", None),
        ("DEALLOCATE né", None),
        ('DEALLOCATE U&"s1"', None),
    ],
)
def test_what_a_statement_deallocates_is_certain_or_not(text, expected):
    assert deallocated(text) == expected


def executed(name="", portal=""):
    return f.bind(portal, name, []) + f.execute(portal) + f.sync()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (LONG + "X", LONG + "Y"),
        (LONG, LONG + "Y"),
        (LONG + "X", LONG),
    ],
)
def test_an_execution_never_tells_the_text_of_another_name_that_may_be_the_same(first, second):
    talk = Talk()
    talk.up(f.parse(first, "select 1"), f.sync()).down(PARSED, READY)
    talk.up(f.close(f.STATEMENT, second), f.parse(second, "delete from t"), f.sync())
    talk.down(CLOSED, PARSED, READY)
    talk.up(executed(first)).down(BOUND, DONE, READY)
    texts = [text for kind, text in talk.told("type", "text") if kind == "EXECUTE"]
    assert texts in ([None], ["delete from t"])
    assert ("PARSE", "delete from t") in talk.told("type", "text")
    assert talk.records(finish=True) == talk.records_restored()


def test_bytes_that_are_no_letters_are_no_name_of_letters():
    raw = f.parse("X", "select 'one'").replace(b"X", b"\xff", 1)
    talk = Talk()
    talk.up(raw, f.parse("\\xff", "select 'two'"), f.sync()).down(PARSED, PARSED, READY)
    talk.up(executed("\\xff")).down(BOUND, DONE, READY)
    assert [text for kind, text in talk.told("type", "text") if kind == "EXECUTE"] == [None]


def test_portals_of_long_names_tell_no_text():
    talk = Talk()
    talk.up(f.parse("s1", "select 1"), f.parse("s2", "delete from t"))
    talk.up(f.bind(LONG + "X", "s1", []), f.close(f.PORTAL, LONG + "Y"))
    talk.up(f.bind(LONG + "Y", "s2", []), f.execute(LONG + "X"), f.sync())
    talk.down(PARSED, PARSED, BOUND, CLOSED, BOUND, DONE, READY)
    assert [text for kind, text in talk.told("type", "text") if kind == "EXECUTE"] == [None]


@pytest.mark.parametrize(
    "sql",
    [
        "DEALLOCATE s1; PREPARE s1 AS DELETE FROM t",
        "BEGIN; DEALLOCATE s1; PREPARE s1 AS DELETE FROM t; COMMIT",
    ],
)
def test_what_sql_puts_in_the_place_of_a_statement_has_no_wrong_text(sql):
    talk = Talk()
    talk.up(f.parse("s1", "select 1"), f.sync()).down(PARSED, READY)
    tags = [b.command_complete(each.split()[0]) for each in sql.split("; ")]
    talk.up(f.query(sql)).down(*tags, READY)
    talk.up(executed("s1")).down(BOUND, DONE, READY)
    assert [text for kind, text in talk.told("type", "text") if kind == "EXECUTE"] == [None]


def test_a_cursor_that_sql_puts_in_the_place_of_a_portal_has_no_wrong_text():
    talk = Talk()
    in_transaction = b.ready(b.IN_TRANSACTION)
    talk.up(f.query("begin")).down(b.command_complete("BEGIN"), in_transaction)
    talk.up(f.parse("s1", "select 1"), f.bind("c", "s1", []), f.sync())
    talk.down(PARSED, BOUND, in_transaction)
    talk.up(f.query("CLOSE c; DECLARE c CURSOR FOR SELECT * FROM salaries"))
    talk.down(
        b.command_complete("CLOSE CURSOR"), b.command_complete("DECLARE CURSOR"), in_transaction
    )
    talk.up(f.execute("c"), f.sync()).down(DONE, in_transaction)
    assert [text for kind, text in talk.told("type", "text") if kind == "EXECUTE"] == [None]
