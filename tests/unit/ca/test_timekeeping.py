from datetime import timedelta

import pytest

from pgward.audit.events import AuditEvent
from pgward.ca import timekeeping
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
    assert timekeeping.note(store, START) is False


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


def test_it_goes_on_record_once_and_then_counts_as_right(store, acted):
    acted(START)
    earlier = START - 60 * MINUTE
    assert [timekeeping.note(store, earlier) for _ in range(2)] == [True, False]
    timekeeping.check(store, earlier)
    assert timekeeping.last_act(store) == earlier
