import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.chain.chunk import Part
from pgward.audit.chain.encoding import encode, encode_plainly
from pgward.ca.archive import facts
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError
from tests.fixtures.chunks import at, part, record


def chained(*records):
    return [part(*records)]


def test_what_lines_say():
    found = facts.read(
        chained(
            record(3, type="SESSION_START"),
            record(1, status="error", rows=0),
            record(2, user="bob", session="s2", service="books"),
        ),
        "e1",
    )
    assert (found.first_time, found.last_time) == (parse_rfc3339(at(1)), parse_rfc3339(at(3)))
    assert found.names == {
        "user": ("alice", "bob"),
        "service": ("books", "orders"),
        "session": ("0123456789abcdef-1", "s2"),
        "type": ("QUERY", "SESSION_START"),
        "status": ("error", "ok"),
    }
    assert found.services == {"orders", "books"}


def test_what_a_session_did():
    session = facts.read(
        chained(
            record(1, type="SESSION_START", status="ok"),
            record(2, rows=5),
            record(3, status="error", type="EXECUTE", rows=0),
            record(4, type="DENIED", status="denied"),
            record(5, type="PARSE"),
            record(6, type="SESSION_END", reason="idle", sqlstate="57P05", status="error"),
        ),
        "e1",
    ).sessions["0123456789abcdef-1"]
    assert session.about["user"] == "alice"
    assert (session.started, session.ended) == (parse_rfc3339(at(1)), parse_rfc3339(at(6)))
    assert (session.statements, session.errors, session.denied, session.rows) == (2, 1, 1, 5)
    assert (session.status, session.sqlstate, session.end_reason) == ("error", "57P05", "idle")


def test_blocks_of_lines_are_one_chunk():
    (part,) = chained(
        record(1, type="SESSION_START"),
        *(record(number, session=f"s{number % 3}", rows=number) for number in range(2, 20)),
        record(20, type="SESSION_END"),
    )
    whole = facts.read([part], "e1")
    lines = part.plain.splitlines(keepends=True)
    places = [(0, 5), (5, 6), (6, None)]
    parts = [Part(at + 1, b"".join(lines[at:end])) for at, end in places]
    assert facts.read(parts, "e1") == whole
    assert sum(each.rows for each in whole.sessions.values()) == sum(range(2, 20))
    assert whole.sessions["s2"].first_time == parse_rfc3339(at(2))


def test_a_server_that_lies_about_rows():
    """A store's numbers have 64 bits, and what it does not take would be sent again for ever."""
    many = [record(number, rows=10**30, bytes=10**30) for number in range(9)]
    (session,) = facts.read(chained(*many, record(9, rows=-5, bytes=-5)), "e1").sessions.values()
    assert (session.statements, session.rows) == (10, facts.MOST_ROWS)
    assert session.bytes == facts.MOST_ROWS


def test_names_that_are_too_many_or_too_long_are_named_by_a_star():
    many = facts.read(chained(*(record(i, session=f"s{i}") for i in range(300))), "e1").names
    assert len(many["session"]) == 200
    assert many["session"][-1] == "*"
    long = facts.read(chained(record(user="x" * 300), record(user="*")), "e1").names["user"]
    assert long == ("*", "*") or "*" in long


def test_texts_that_no_database_takes():
    found = facts.read(chained(record(user="a\0b", role="r\ud800", application="x" * 999)), "e1")
    assert found.names["user"] == ("*",)
    (session,) = found.sessions.values()
    assert session.about["user"] == "a\ufffdb"
    assert session.about["role"] == "r?"
    assert len(session.about["application"]) == 256


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"edge": "e2"}, "line 1 is of another edge"),
        ({"time": "2026-11-21T12:00:00Z"}, "line 1 has no time in UTC with microseconds"),
        ({"time": 5}, "line 1 has no time in UTC with microseconds"),
        ({"time": "2026-02-30T12:00:00.000000Z"}, "2026-02-30T12:00:00.000000Z is no time"),
        ({"type": None}, "line 1 has no type"),
        ({"user": 5}, "user in line 1 is no text"),
        ({"session": "x" * 257}, "session in line 1 is no name"),
        ({"session": "a\0"}, "session in line 1 is no name"),
    ],
)
def test_what_no_record_says(more, message):
    with pytest.raises(InvalidInputError, match=f"^{message}$"):
        facts.read(chained(record(1, **more)), "e1")


@pytest.mark.parametrize(
    "line",
    [
        b'{"seq":1, "type":"QUERY","time":"2026-11-21T12:00:00.000000Z","hash":"x"}',
        b'{"seq":1,"type":"QUERY","user":"\\u0061","time":"2026-11-21T12:00:00.000000Z"}',
        b'{"seq":1,"type":"QUERY","user":"a","user":"b","time":"2026-11-21T12:00:00.000000Z"}',
        b'["seq"]',
        b"",
        b'{"seq":1,"x":' + b"[" * 100_000,
    ],
)
def test_lines_that_hide_what_they_say_from_a_search(line):
    with pytest.raises(InvalidInputError, match="is not written as a record is"):
        facts.read([Part(1, line + b"\n")], "e1")


@pytest.mark.parametrize("number", [0, 1, 4, "3", True, None, 3.0])
def test_a_line_has_the_number_of_its_place(number):
    good = part(record(1), record(2), record(3)).plain
    odd = good.replace(b'"seq":3,', b'"seq":%b,' % encode(number))
    with pytest.raises(InvalidInputError, match=r"stands where line 3 belongs|has no number"):
        facts.read([Part(1, odd)], "e1")
    with pytest.raises(InvalidInputError, match="line 1 stands where line 2 belongs"):
        facts.read([Part(2, good)], "e1")


def test_what_is_null_is_as_if_left_out():
    found = facts.read(chained(record(1, user=None, status=None, application=None)), "e1")
    assert (found.names["user"], found.names["status"]) == ((), ())
    (session,) = found.sessions.values()
    assert "user" not in session.about


def test_a_chunk_without_lines():
    with pytest.raises(InvalidInputError, match="a chunk without lines"):
        facts.read([], "e1")


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(min_size=1), _values, max_size=4))
def test_whatever_an_edge_writes_is_taken(details):
    whole = {"seq": 1, **record(details=details)}
    for encoder in (encode, encode_plainly):
        try:
            line = encoder(whole)
        except (OverflowError, TypeError):  # an integer that msgspec cannot write
            continue
        if json.loads(line) is not None and b"Infinity" not in line:
            facts.read([Part(1, line + b"\n")], "e1")
