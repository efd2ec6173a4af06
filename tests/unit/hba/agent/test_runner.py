import logging
import threading
from datetime import UTC, datetime

import pytest

from pgward.core.errors import PgwardError
from pgward.hba.agent import runner
from pgward.hba.agent.duty import Done, Turn
from pgward.hba.agent.runner import Runner, Standing

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def now(self):
        return NOW


class Acting:
    """A duty that does what each of ``acts`` does."""

    name = "acting"
    follows = frozenset({"crls"})

    def __init__(self, *acts):
        self.acts = list(acts)
        self.turns = []
        self.ran = threading.Semaphore(0)
        self.closed = threading.Event()

    def run(self, turn):
        self.turns.append(turn)
        self.ran.release()
        act = self.acts.pop(0) if self.acts else Done(1000)
        return act() if callable(act) else act

    def close(self):
        self.closed.set()


def failing(error):
    def act():
        raise error

    return act


def test_a_turn_says_when_the_next_is_due():
    duty = Acting(Done(7.5))
    one = Runner(duty, Clock(), news=lambda: {"crls": "3"})
    assert one.turn() == 7.5
    assert duty.turns == [Turn(NOW, {"crls": "3"})]
    assert one.standing() == Standing("acting", 1, 0, NOW, ())


def test_before_its_first_turn_a_duty_is_not_well_yet():
    assert not Runner(Acting(), Clock()).standing().ok


def test_what_cannot_be_done_is_told_once_and_tried_again_ever_later(caplog):
    gone = PgwardError("the server is gone", hint="start it")
    one = Runner(Acting(*[failing(gone)] * 8, Done(5)), Clock())
    with caplog.at_level(logging.INFO, "pgward.hba"):
        pauses = [one.turn() for _ in range(8)]
        assert one.standing() == Standing("acting", 8, 8, None, (str(gone),))
        one.turn()
    assert pauses == [1, 2, 4, 8, 15, 15, 15, 15]
    assert [record.getMessage() for record in caplog.records] == [
        f"acting: {gone}",
        "acting: all is well again",
    ]
    assert one.standing().ok


def test_a_bug_is_logged_with_its_traceback_and_ends_nothing(caplog):
    one = Runner(Acting(failing(KeyError("x")), Done(5)), Clock())
    assert one.turn() == runner.FIRST_PAUSE
    assert one.standing().problems == ("KeyError: 'x'",)
    assert caplog.records[0].exc_info
    assert one.turn() == 5


def test_problems_that_a_turn_tells_of_do_not_change_when_the_next_is_due():
    one = Runner(Acting(Done(5, ("half of it",))), Clock())
    assert one.turn() == 5
    assert one.standing().problems == ("half of it",)


def test_a_turn_that_does_not_end_is_told_of():
    time = [0.0]
    seen = []

    def hang():
        time[0] = runner.STUCK_SECONDS + 1
        seen.append(one.standing())
        return Done(1)

    one = Runner(Acting(hang), Clock(), monotonic=lambda: time[0])
    one.turn()
    assert seen[0].problems == ("a turn has not ended for 120 seconds",)
    assert one.standing().ok


@pytest.fixture
def started():
    duty = Acting()
    one = Runner(duty, Clock())
    one.start()
    yield one, duty
    one.stop()
    assert one.join(10)


def test_a_thread_gives_the_first_turn_at_once_and_another_when_it_is_woken(started):
    one, duty = started
    assert duty.ran.acquire(timeout=10)
    one.wake()
    assert duty.ran.acquire(timeout=10)


def test_a_duty_that_was_stopped_is_closed(started):
    one, duty = started
    one.stop()
    assert one.join(10)
    assert duty.closed.is_set()


def test_one_that_was_never_started_has_ended():
    assert Runner(Acting(), Clock()).join(0)
