from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.archive import sessions
from pgward.ca.archive.sessions import SPAN, Lately, Owner, SessionFilter
from pgward.ca.store.schema_archive import database_sessions
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError
from tests.fixtures.authority import START
from tests.fixtures.chunks import at, record

_SPAN = int(START.timestamp()) // SPAN


def listed(archived, limit=100, before=None, **wanted):
    with archived.store.read() as connection:
        return sessions.find(connection, SessionFilter(**wanted), limit=limit, before=before)


def test_a_session_grows_with_its_records(archived):
    archived.add(record(1, type="SESSION_START"), record(2, rows=4))
    (session,) = listed(archived)
    assert session == {
        "id": "0123456789abcdef-1",
        "edge": "e1",
        "user": "alice",
        "service": "orders",
        "database": "shop",
        "role": "app",
        "client": "10.0.0.7",
        "application": "psql",
        "started_at": at(1),
        "ended_at": None,
        "status": None,
        "sqlstate": None,
        "end_reason": None,
        "statements": 1,
        "errors": 0,
        "denied": 0,
        "rows": 4,
        "bytes": 22,
        "active_at": START,
        "lately": Lately(_SPAN, (1, 4, 22)),
        "recorded": False,
    }
    archived.add(record(3, status="error", rows=0), record(4, type="DENIED"))
    archived.add(record(5, type="SESSION_END", status="ok", reason="the client left"))
    (after,) = listed(archived)
    assert after == session | {
        "ended_at": at(5),
        "status": "ok",
        "end_reason": "the client left",
        "statements": 2,
        "errors": 1,
        "denied": 1,
        "bytes": 55,
        "lately": Lately(_SPAN, (2, 4, 55)),
    }


def test_a_session_whose_beginning_was_lost(archived):
    archived.add(record(7))
    assert listed(archived)[0]["started_at"] == at(7)


def test_an_end_stays_what_it_was(archived):
    archived.add(record(1, type="SESSION_END", status="ok"))
    archived.add(record(2, type="SESSION_END", status="error", sqlstate="57P01"))
    (session,) = listed(archived)
    assert (session["ended_at"], session["status"]) == (at(1), "ok")


def test_counts_do_not_overflow(archived):
    archived.add(record(1, type="SESSION_START"))
    with archived.store.write() as transaction:
        transaction.execute(sa.update(database_sessions).values(row_count=(1 << 63) - 1))
    archived.add(record(2, rows=10**30))
    (session,) = listed(archived)
    assert (session["statements"], session["rows"]) == (1, (1 << 63) - 1)


def test_filters_and_pages(archived):
    for number in range(5):
        user = "bob" if number == 3 else "alice"
        start = record(number, session=f"s{number}", type="SESSION_START", user=user)
        archived.add(start, *([] if number % 2 else [start | {"type": "SESSION_END"}]))

    def ids(**wanted):
        return [each["id"] for each in listed(archived, **wanted)]

    assert ids() == ["s4", "s3", "s2", "s1", "s0"]
    assert ids(user="bob") == ["s3"]
    assert ids(open=True) == ["s3", "s1"]
    assert ids(open=False) == ["s4", "s2", "s0"]
    since, until = parse_rfc3339(at(1)), parse_rfc3339(at(3))
    assert ids(since=since, until=until) == ["s2", "s1"]
    assert ids(service="books") == ids(edge="e2") == ids(database="x") == []
    (first, second) = listed(archived, limit=2)
    assert first["id"] == "s4"
    assert ids(limit=2, before=sessions.place(second)) == ["s2", "s1"]


@pytest.mark.parametrize("place", ["", "x,e1,s1", f"{at(1)}", f"{at(1)},e1"])
def test_a_place_that_is_none(archived, place):
    with pytest.raises(InvalidInputError, match="that cursor is none of ours"):
        listed(archived, before=place)


def test_one_session(archived):
    archived.add(record(1, session="s1"))
    archived.add(record(2, session="s1", edge="e2"), edge="e2")
    with archived.store.read() as connection:
        assert sessions.get(connection, "s1", "e2")["started_at"] == at(2)
        with pytest.raises(NotFoundError, match="several edges have a session 's1'"):
            sessions.get(connection, "s1")
        with pytest.raises(NotFoundError, match="there is no database session 's2'"):
            sessions.get(connection, "s2")


def test_more_sessions_than_fit_in_a_statement(archived):
    for part in ("SESSION_START", "SESSION_END"):
        archived.add(*(record(1, session=f"s{number}", type=part) for number in range(1200)))
    assert len(listed(archived, limit=2000, open=False)) == 1200


def test_sessions_by_what_was_in_them(archived):
    archived.add(record(1, session="s1", type="SESSION_START", application="psql 100%"))
    archived.add(record(2, session="s1", status="error"), record(3, session="s2", type="DENIED"))
    archived.add(record(4, session="s2", type="SESSION_END", status="unknown", user="bob"))

    def ids(**wanted):
        return [each["id"] for each in listed(archived, **wanted)]

    assert ids(errors=True) == ["s1"]
    assert ids(errors=False) == ["s2"]
    assert ids(denied=True) == ["s2"]
    assert ids(status="unknown") == ["s2"]
    assert ids(about="L 100%") == ["s1"]
    assert ids(about="S_L") == []
    assert ids(about="shop") == ["s2", "s1"]


def test_sessions_of_a_name_before_its_person_came(archived):
    archived.add(record(1, session="s1"), record(5, session="s2"))
    owner = Owner("alice", parse_rfc3339(at(3)))
    assert [each["id"] for each in listed(archived, owner=owner)] == ["s2"]
    assert listed(archived, owner=Owner("bob", owner.since)) == []
    with archived.store.read() as connection:
        assert sessions.get(connection, "s2", None, owner)["id"] == "s2"
        for other in (owner, Owner("bob", parse_rfc3339(at(0)))):
            with pytest.raises(NotFoundError):
                sessions.get(connection, "s1", None, other)


def test_what_came_lately_is_counted_by_spans(archived):
    def lately():
        (session,) = listed(archived)
        return session["lately"]

    archived.add(record(1, rows=4), record(2, rows=4))
    archived.now += timedelta(seconds=SPAN)
    archived.add(record(3, rows=1))
    assert lately() == Lately(_SPAN + 1, (1, 1, 11), (2, 8, 22))
    archived.add(record(4, rows=1))
    assert lately() == Lately(_SPAN + 1, (2, 2, 22), (2, 8, 22))
    archived.now += timedelta(seconds=3 * SPAN)
    archived.add(record(5, rows=7))
    assert lately() == Lately(_SPAN + 4, (1, 7, 11), (0, 0, 0))


@pytest.mark.parametrize(
    ("passed", "rate"), [(0, 3.0), (5, 2.25), (14, 1.552), (15, 1.0), (20, 0.75), (30, 0.0)]
)
def test_how_much_comes_in_a_second(passed, rate):
    first = datetime.fromtimestamp(_SPAN * SPAN, UTC)
    found = Lately(_SPAN, (15, 0, 30), (30, 0, 0))
    statements, rows, carried = found.rates(
        first - timedelta(hours=1), first + timedelta(seconds=passed)
    )
    assert (round(statements, 3), rows, carried == 0) == (rate, 0.0, passed == 30)


def test_a_session_that_has_just_begun():
    begun = datetime.fromtimestamp(_SPAN * SPAN + 1, UTC)
    assert Lately(_SPAN, (6, 0, 0)).rates(begun, begun + timedelta(seconds=3))[0] == 2.0
    assert Lately(_SPAN, (6, 0, 0)).rates(begun, begun)[0] == 6.0


def test_what_runs_is_counted_by_edge(archived):
    archived.add(record(1, type="SESSION_START"), record(2))
    with archived.store.read() as connection:
        assert sessions.running(connection) == {"e1": 1}
    archived.add(record(3, type="SESSION_END", status="ok", reason="the client left"))
    with archived.store.read() as connection:
        assert sessions.running(connection) == {}
