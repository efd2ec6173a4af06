from datetime import timedelta

import pytest

from pgward.audit.events import AuditEvent
from pgward.ca.store import audit_searching
from pgward.ca.store.audit_searching import EventFilter, Facets
from pgward.core.errors import InvalidInputError, NotFoundError
from tests.fixtures.authority import START

MINUTE = timedelta(minutes=1)


def event(number, **more):
    given = {"actor": "ann", "action": "user.add", **more}
    return AuditEvent.make(time=START + number * MINUTE, **given)


@pytest.fixture
def events(store):
    """Events of which the last came late: it happened before all others."""
    with store.write() as transaction:
        transaction.record(
            event(1, target="bob", details={"groups": ["Dévs", 'a"b']}),
            event(2, actor="bob", outcome="denied", reason="Not for you"),
            event(3, action="user.block", target="100%", client="10.0.0.7"),
            event(4, action="group.members", outcome="failed"),
        )
        transaction.record(event(0, action="session.open"), source="edge:e1")


def seqs(store, limit=100, scan=1000, cursor=None, **wanted):
    with store.read() as connection:
        found = audit_searching.page(
            connection, EventFilter(**wanted), limit=limit, cursor=cursor, scan=scan
        )
    return [each["seq"] for each in found.events], found.cursor


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [4, 3, 2, 1, 5]),
        ({"since": START + MINUTE, "until": START + 3 * MINUTE}, [2, 1]),
        ({"actor": "bob"}, [2]),
        ({"action": "user.add"}, [2, 1]),
        ({"action": "user.*"}, [3, 2, 1]),
        ({"action": "user_*"}, []),
        ({"outcome": "ok"}, [3, 1, 5]),
        ({"outcome": "denied"}, [2]),
        ({"source": "edge:e1"}, [5]),
        ({"target": "bob"}, [1]),
        ({"contains": "NOT for"}, [2]),
        ({"contains": "0.0.7"}, [3]),
        ({"contains": "0%"}, [3]),
        ({"contains": "Dévs"}, [1]),
        ({"contains": 'A"B'}, [1]),
        ({"contains": "nobody"}, []),
        ({"action": "user.add", "actor": "ann", "contains": "bob"}, [1]),
    ],
)
def test_events_are_found_the_newest_first(store, wanted, expected):
    assert seqs(store, **wanted) == (expected, None)


@pytest.mark.usefixtures("events")
def test_a_cursor_leads_on(store):
    first, cursor = seqs(store, limit=3)
    assert (first, seqs(store, limit=2, cursor=cursor)) == ([4, 3, 2], ([1, 5], None))
    first, cursor = seqs(store, limit=1, contains="o")
    assert (first, seqs(store, cursor=cursor, contains="o")) == ([2], ([1], None))


@pytest.mark.usefixtures("events")
def test_a_page_ends_where_enough_was_looked_at(store):
    none, cursor = seqs(store, scan=2, contains="bob")
    assert none == []
    found, cursor = seqs(store, scan=2, contains="bob", cursor=cursor)
    assert (found, seqs(store, scan=2, contains="bob", cursor=cursor)) == ([1], ([], None))


@pytest.mark.parametrize("cursor", ["", "1", "1,x", "a,1", "999999999999999999,1", "1,2,3"])
def test_a_cursor_that_is_none_is_refused(store, cursor):
    with pytest.raises(InvalidInputError, match="of another search"):
        seqs(store, cursor=cursor)


@pytest.mark.usefixtures("events")
def test_values_are_counted_among_the_newest(store):
    with store.read() as connection:
        every = audit_searching.facets(connection, EventFilter())
        some = audit_searching.facets(connection, EventFilter(action="user.*"), most=2)
        none = audit_searching.facets(connection, EventFilter(actor="eve"))
    assert every == Facets(
        5,
        is_all=True,
        values={
            "action": [
                ("user.add", 2),
                ("group.members", 1),
                ("session.open", 1),
                ("user.block", 1),
            ],
            "actor": [("ann", 4), ("bob", 1)],
            "outcome": [("ok", 3), ("denied", 1), ("failed", 1)],
            "source": [("ca", 4), ("edge:e1", 1)],
        },
    )
    assert (some.counted, some.is_all, some.values["action"]) == (
        *(2, False),
        [("user.add", 1), ("user.block", 1)],
    )
    assert none == Facets(0, is_all=True, values={})


@pytest.mark.usefixtures("events")
def test_one_event_is_found_by_its_number(store):
    with store.read() as connection:
        assert audit_searching.one(connection, 3)["target"] == "100%"
        with pytest.raises(NotFoundError, match="there is no event 6"):
            audit_searching.one(connection, 6)
