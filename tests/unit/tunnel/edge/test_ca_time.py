from datetime import timedelta

import pytest

from pgward.tunnel.edge.ca_time import CaTime, uptime
from tests.fixtures.authority import MovableClock
from tests.fixtures.session_bench import NOW

SECOND = timedelta(seconds=1)


class Bench:
    def __init__(self) -> None:
        self.clock, self.skew, self.passed = MovableClock(NOW), timedelta(), 100.0
        self.time = CaTime(self.clock, lambda: self.skew, lambda: self.passed)

    def passes(self, seconds: float, *, shown: float | None = None) -> None:
        """Let time pass; the machine's clock shows that, or something else."""
        self.passed += seconds
        self.clock.move(seconds=seconds if shown is None else shown)


@pytest.fixture
def bench():
    return Bench()


def test_it_goes_on(bench):
    assert bench.time.now() == NOW
    bench.passes(7)
    assert bench.time.now() == NOW + 7 * SECOND


def test_it_is_the_cas_however_wrong_ours_is(bench):
    bench.skew = 3600 * SECOND
    assert bench.time.now() == NOW - 3600 * SECOND
    bench.passes(7)
    assert bench.time.now() == NOW - 3593 * SECOND


def test_a_clock_that_is_put_back_gives_nobody_more_time(bench):
    bench.passes(60, shown=-86_400)
    assert bench.time.now() == NOW + 60 * SECOND


def test_a_clock_that_is_put_forward_takes_time(bench):
    """As that of a machine that stood still may be: it is the safe way to be wrong."""
    bench.passes(0, shown=60)
    assert bench.time.now() == NOW + 60 * SECOND


def test_what_the_ca_says_then_puts_it_right(bench):
    bench.passes(60, shown=-3600)
    bench.skew = -3660 * SECOND
    assert bench.time.now() == NOW + 60 * SECOND
    bench.passes(5, shown=-3600)
    assert bench.time.now() == NOW + 65 * SECOND


def test_it_is_no_earlier_than_what_the_ca_has_done(bench):
    bench.time.is_at_least(NOW - SECOND)
    assert bench.time.now() == NOW
    bench.time.is_at_least(NOW + 60 * SECOND)
    assert bench.time.now() == NOW + 60 * SECOND
    bench.passes(5)
    assert bench.time.now() == NOW + 65 * SECOND


def test_time_passes_by_itself():
    assert uptime() <= uptime()
