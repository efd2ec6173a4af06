import pytest

from pgward.audit.events import AuditEvent
from pgward.ca.store import audit
from tests.fixtures.authority import START


@pytest.fixture
def events(store):
    made = [
        AuditEvent.make(time=START, actor=actor, action=action)
        for actor, action in [("a", "user.add"), ("b", "user.block"), ("a", "user_x.add")]
    ]
    with store.write() as transaction:
        transaction.record(*made)
    return made


def _read(store, **wanted):
    with store.read() as connection:
        return [(event["seq"], event["actor"]) for event in audit.events(connection, **wanted)]


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [(1, "a"), (2, "b"), (3, "a")]),
        ({"limit": 2}, [(2, "b"), (3, "a")]),
        ({"after": 0, "limit": 2}, [(1, "a"), (2, "b")]),
        ({"after": 3}, []),
        ({"actor": "a"}, [(1, "a"), (3, "a")]),
        ({"action": "user.block"}, [(2, "b")]),
        ({"action": "user.*"}, [(1, "a"), (2, "b")]),
        ({"action": "user_*"}, [(3, "a")]),
    ],
)
def test_events_are_chosen(store, wanted, expected):
    assert _read(store, **wanted) == expected


def test_only_new_events_are_added(store, events):
    new = AuditEvent.make(time=START, actor="c", action="x")
    with store.write() as transaction:
        assert audit.add_new(transaction, [events[0], new, new], source="edge:e1") == 1
    assert _read(store, after=3) == [(4, "c")]


def test_a_large_batch_is_looked_up_in_parts(store):
    many = [AuditEvent.make(time=START, actor="c", action="x") for _ in range(1200)]
    with store.write() as transaction:
        assert audit.add_new(transaction, many, source="edge:e1") == 1200
    with store.write() as transaction:
        assert audit.add_new(transaction, many, source="edge:e1") == 0
