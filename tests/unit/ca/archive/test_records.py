import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.chain.chunk import Part
from pgward.audit.chain.encoding import encode, encode_plainly
from pgward.ca.archive import records
from pgward.ca.archive.records import _Record
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError
from tests.fixtures.chunks import at, part, record

FIELDS = _Record.__slots__


def said(found):
    return [{name: getattr(each, name) for name in FIELDS} for each in found]


def slowly(lines, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(records, "_reader", None)
        return said(records.read(lines))


def test_what_a_record_says():
    (found,) = said(records.read(part(record(1.5))))
    assert found == asdict(
        _Record(
            seq=1,
            time=parse_rfc3339(at(1.5)),
            type="QUERY",
            session="0123456789abcdef-1",
            edge="e1",
            user="alice",
            service="orders",
            database="shop",
            role="app",
            client="10.0.0.7",
            application="psql",
            status="ok",
            rows=1,
            bytes=11,
        )
    )


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"rows": 10**30, "bytes": -(10**30)},
        {"text": 'say "x"\n\\u0061 \u2028é\x7f'},
        {"sqlstate": "42P01", "message": "no"},
        {"time": at(7)},
        {"time": "1970-01-01T00:00:00.000000Z"},
        {"details": {"b": [1, 2.5, None], "a": "x"}},
        {"parameters": [None, "x", {"bytes": 9000, "sha256": "ab"}]},
        {"user": None, "application": ""},
        {"odd": 1},
        {"rows": True},
    ],
)
def test_both_ways_to_read_agree(more, monkeypatch):
    ordinary = [record(number + 0.25) for number in range(100)]
    lines = part(*ordinary, record(100.5, **more), *ordinary)
    assert said(records.read(lines)) == slowly(lines, monkeypatch)


def test_ordinary_lines_are_read_at_once(monkeypatch):
    """Nine in ten, or the CA needs thrice the time."""
    slow = []
    one = records._one
    monkeypatch.setattr(records, "_one", lambda line: slow.append(line) or one(line))
    kinds = [
        {},
        {"type": "EXECUTE", "name": "s1", "parameters": ["1", None]},
        {"type": "EXECUTE", "text_sha256": "ab", "text_bytes": 9000, "of": "x", "parameters": []},
        {"status": "error", "rows": 0},
        {"type": "COPY", "direction": "in"},
        {"type": "SESSION_START"},
    ]
    usual = dict.fromkeys(("id", "type", "time", "session", "edge", "user", "service"))
    usual |= dict.fromkeys(("database", "role", "client", "application", "statement", "name"))
    usual |= dict.fromkeys(
        (
            "text",
            "text_sha256",
            "text_bytes",
            "of",
            "parameters",
            "direction",
            "commands",
            "rows",
            "bytes",
        )
    )
    made = []
    for number, kind in enumerate(kinds * 20):
        each = usual | record(number, time=at(number + 0.5), **kind)
        made.append({name: value for name, value in each.items() if value is not None})
    records.read(part(*made))
    assert slow == []


@pytest.mark.parametrize(
    "line",
    [
        b'{"seq":1, "type":"QUERY","time":"2026-11-21T12:00:00.5Z"}',
        b'{"seq":1,"id":"x","type":"QUERY","time":"2026-11-21T12:00:00.500000Z" }',
        b'{"seq":1,"id":"\\u0061","type":"QUERY","time":"2026-11-21T12:00:00.500000Z"}',
        b'{"seq":1,"id":"\\/","type":"QUERY","time":"2026-11-21T12:00:00.500000Z"}',
        b'{"seq":1,"id":"x","id":"x","type":"QUERY","time":"2026-11-21T12:00:00.500000Z"}',
        b"[]",
        b"",
        b" ",
        b"\xff",
        b'{"seq":1,"x":' + b"[" * 100_000,
    ],
)
def test_what_is_spelt_in_another_way_is_refused(line):
    good = part(record(0.5)).plain
    with pytest.raises(InvalidInputError, match="is not written as a record is"):
        records.read(Part(1, good + line + b"\n" + good))


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-21T12:00:00Z",
        "2026-11-21T12:00:00.500000",
        "2026-11-21T12:00:00.500000+00:00",
        "2026-11-21 12:00:00.500000Z",
        "2026-11-21T12:00:00.5Z",
        "2026-11-21t12:00:00.500000z",
        "2026-11-21T12:00:60.500000Z",
    ],
)
def test_times_that_would_be_in_another_order_as_text(time):
    with pytest.raises(InvalidInputError, match="line 1 has no time in UTC with microseconds"):
        records.read(part(record(1, time=time)))


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_names = st.sampled_from([*record(), "details", "parameters", "sqlstate", "message", "seq", "hash"])


@given(st.dictionaries(_names, _values, max_size=3), st.booleans())
def test_whatever_members_hold_both_ways_agree(changed, plainly):
    line = (encode_plainly if plainly else encode)({"seq": 1, **record(1.5), **changed})
    made = Part(1, line + b"\n")
    answers = []
    with pytest.MonkeyPatch.context() as patched:
        for reader in (records._reader, None):
            patched.setattr(records, "_reader", reader)
            try:
                answers.append(said(records.read(made)))
            except InvalidInputError as error:
                answers.append(error.message)
    assert answers[0] == answers[1]
    assert json.loads(line)["edge"] == changed.get("edge", "e1")
