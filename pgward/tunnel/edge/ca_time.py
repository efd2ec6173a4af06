"""The time at the CA, by which grants end and fresh second factors count, as the edge knows it.

The CA tells it with each answer. In between the machine's clock goes on, which somebody may put
back; so the time that passes by a clock that nobody sets counts as well, and the later one is it.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from pgward.core.clock import Clock


def uptime() -> float:
    """Return seconds that pass while the machine sleeps, too (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class CaTime:
    """Tells the time at the CA; ``skew`` says how far the machine's clock is ahead of it."""

    def __init__(
        self,
        clock: Clock,
        skew: Callable[[], timedelta],
        passing: Callable[[], float] = uptime,
    ) -> None:
        self._clock = clock
        self._skew = skew
        self._passing = passing
        self._known = skew()
        self._since = clock.now() - self._known, passing()

    def now(self) -> datetime:
        """Return the time at the CA."""
        skew, passed = self._skew(), self._passing()
        by_clock = self._clock.now() - skew
        if skew != self._known:  # the CA has just said it
            self._known, self._since = skew, (by_clock, passed)
            return by_clock
        at, then = self._since
        return max(by_clock, at + timedelta(seconds=passed - then))

    def is_at_least(self, moment: datetime) -> None:
        """Hear of something that the CA did at a moment, before the CA itself was heard."""
        if self.now() < moment:
            self._since = moment, self._passing()
