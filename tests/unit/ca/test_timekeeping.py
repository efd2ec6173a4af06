from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import timekeeping
from pgward.ca.store import audit
from pgward.ca.store.schema import login_sessions, machines
from pgward.core.errors import UnavailableError
from tests.fixtures.authority import START

MINUTE = timedelta(minutes=1)


@pytest.fixture
def acted(store):
    """Record that something was done, by the authority or an edge."""

    def record(moment, source="ca"):
        event = AuditEvent.make(time=moment, actor="alice", action="session.start", outcome="ok")
        with store.write() as transaction:
            transaction.record(event, source=source)

    return record


def test_a_new_store_has_no_last_act(store):
    assert timekeeping.last_act(store) is None
    timekeeping.check(store, START)
    assert timekeeping.Watch(store).look(START) is False


def test_the_last_act_is_the_last_written_and_not_the_latest(store, acted):
    acted(START + 90 * MINUTE)
    acted(START)
    assert timekeeping.last_act(store) == START


def test_edges_have_clocks_of_their_own(store, acted):
    acted(START)
    acted(START + 90 * MINUTE, source="edge:e1")
    timekeeping.check(store, START)


def test_a_clock_that_went_back_is_told(store, acted):
    acted(START)
    timekeeping.check(store, START - MINUTE)
    with pytest.raises(UnavailableError) as caught:
        timekeeping.check(store, START - 2 * MINUTE)
    assert caught.value.message == (
        "the clock says 2026-11-21T11:58:00Z, and the authority's last act was at"
        " 2026-11-21T12:00:00Z"
    )
    assert caught.value.hint.startswith("set the clock")


def records(store):
    with store.read() as connection:
        found = audit.events(connection, action="clock.back")
    return [(event["details"]["before"], event["details"]["now"]) for event in found]


def test_it_goes_on_record_once_and_then_counts_as_right(store, acted):
    acted(START)
    earlier = START - 60 * MINUTE
    watch = timekeeping.Watch(store)
    assert [watch.look(earlier) for _ in range(2)] == [True, False]
    assert timekeeping.Watch(store).look(earlier) is False
    timekeeping.check(store, earlier)
    assert timekeeping.last_act(store) == earlier
    assert records(store) == [("2026-11-21T12:00:00Z", "2026-11-21T11:00:00Z")]


def test_a_leap_is_seen_though_something_was_done_after_it(store, acted):
    watch = timekeeping.Watch(store)
    acted(START + 60 * MINUTE)
    assert watch.look(START + 60 * MINUTE) is False
    acted(START)  # the CA's own certificate, say: the first thing that it does
    acted(START + MINUTE)
    assert [watch.look(START + MINUTE), watch.look(START + MINUTE)] == [True, False]
    assert records(store) == [("2026-11-21T13:00:00Z", "2026-11-21T12:00:00Z")]


def test_a_leap_while_nobody_looked_is_seen_at_the_start(store, acted):
    acted(START + 60 * MINUTE)
    acted(START)
    assert timekeeping.Watch(store).look(START) is True


def test_edges_and_replicas_that_differ_a_little_are_no_leap(store, acted):
    for moment, source in [(0, "ca"), (90, "edge:e1"), (-1, "ca"), (0, "ca")]:
        acted(START + moment * MINUTE, source)
    watch = timekeeping.Watch(store)
    assert [watch.look(START), watch.look(START + MINUTE)] == [False, False]
    assert records(store) == []


def test_a_leap_that_could_not_be_recorded_is_recorded_later(store, acted):
    def away():
        raise UnavailableError("the disk is full")

    acted(START)
    earlier = START - 60 * MINUTE
    watch = timekeeping.Watch(store)
    with pytest.raises(UnavailableError):
        watch.look(earlier, write=away)
    assert [watch.look(earlier), watch.look(earlier)] == [True, False]


def machine(store, name, seen):
    row = {"kind": "edge", "name": name, "dns": [], "ips": [], "enrolled_at": START}
    with store.write() as transaction:
        transaction.execute(sa.insert(machines), row | {"last_seen_at": seen})


def logged_in(store, moment):
    row = {"id": "s1", "token_hash": b"x" * 32, "user_name": "alice", "thumbprint": "t"}
    times = {"created_at": moment, "expires_at": moment + 60 * MINUTE}
    with store.write() as transaction:
        transaction.execute(sa.insert(login_sessions), row | times | {"method": "password"})


def test_a_clock_is_confirmed_by_machines_and_by_people_who_log_in(store):
    now = START + 90 * MINUTE
    assert timekeeping.confirmed(store, now) is None
    machine(store, "e1", None)
    assert timekeeping.confirmed(store, now) is None
    machine(store, "e2", START + MINUTE)
    assert timekeeping.confirmed(store, now) == START + MINUTE
    logged_in(store, START + 2 * MINUTE)
    assert timekeeping.confirmed(store, now) == START + 2 * MINUTE
    assert timekeeping.confirmed(store, START) == START
