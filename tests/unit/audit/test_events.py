import uuid
from datetime import UTC, datetime, timedelta

import pytest

from pgward.audit.events import AuditEvent
from pgward.core.errors import InvalidInputError

MOMENT = datetime(2026, 11, 21, 12, 0, 0, 123_000, tzinfo=UTC)
EVENT = AuditEvent(
    id="5f0c", time=MOMENT, actor="alice", action="service.apply", outcome="ok", target="orders"
)
JSON = {
    "id": "5f0c",
    "time": "2026-11-21T12:00:00.123Z",
    "actor": "alice",
    "action": "service.apply",
    "outcome": "ok",
    "target": "orders",
    "reason": None,
    "client": None,
    "details": {},
}


def test_an_event_becomes_json_and_back():
    assert EVENT.to_json() == JSON
    assert AuditEvent.from_json(JSON) == EVENT


def test_new_events_have_ids_of_their_own():
    first, second = (AuditEvent.make(time=MOMENT, actor="a", action="b") for _ in range(2))
    assert first.id != second.id
    assert AuditEvent.from_json(first.to_json()) == first


def test_ids_are_in_the_order_of_time():
    moments = [MOMENT + timedelta(milliseconds=each) for each in range(20)]
    ids = [AuditEvent.make(time=each, actor="a", action="b").id for each in moments]
    assert ids == sorted(ids)
    milliseconds = int(MOMENT.timestamp() * 1000)
    assert [ids[0][:8], ids[0][9:13]] == [
        f"{milliseconds >> 16:08x}",
        f"{milliseconds & 0xFFFF:04x}",
    ]
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in ids} == {
        (7, uuid.RFC_4122)
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": ""}, "id"),
        ({"id": "x y"}, "id"),
        ({"time": "2026-11-21T12:00:00"}, "time"),
        ({"time": 5}, "time"),
        ({"actor": None}, "actor"),
        ({"actor": "a" * 1025}, "actor"),
        ({"actor": "a\0b"}, "actor"),
        ({"action": "Drop Table"}, "action"),
        ({"outcome": "maybe"}, "outcome"),
        ({"target": 7}, "target"),
        ({"details": []}, "details"),
        ({"details": {"a": "x" * 9000}}, "details"),
        ({"details": {"a": "\0"}}, "details"),
        ({"secret": "x"}, "unknown field 'secret'"),
    ],
)
def test_what_is_no_event_is_refused(change, said):
    with pytest.raises(InvalidInputError, match=said):
        AuditEvent.from_json(JSON | change)


@pytest.mark.parametrize("data", [None, [], "x", {}])
def test_what_is_not_even_an_object_is_refused(data):
    with pytest.raises(InvalidInputError):
        AuditEvent.from_json(data)
