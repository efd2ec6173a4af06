"""The CA's clock, as a connector knows it: what the CA said, and how much time passed since.

The machine's own wall clock may be wrong, and may jump; so time is counted by the clock that runs
from the machine's start on, and through its sleep (CLOCK_BOOTTIME, clock_gettime(2)).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pgward.core.clock import parse_rfc3339, precise_rfc3339

SLOW_ANSWER: Final = timedelta(seconds=1)
"""An answer that says so much less than we know was on its way for long; more is another clock."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Ticks:
    """Where seconds come from: since the machine's start, and which start that was."""

    seconds: Callable[[], float]
    boot: str
    wall: Callable[[], datetime]


def machine_ticks() -> Ticks:
    """Return this machine's; where no start has a name, a kept clock counts by the wall clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    try:
        boot = _BOOT_ID.read_text("ascii").strip()
    except OSError:
        boot = ""
    seconds = time.monotonic if clock is None else lambda: time.clock_gettime(clock)
    return Ticks(seconds, boot, lambda: datetime.now(UTC))


class CaClock:
    """Tells the CA's time; None until the CA spoke, or what was kept of it was restored."""

    def __init__(self, ticks: Ticks | None = None) -> None:
        self._ticks = ticks or machine_ticks()
        self._began: datetime | None = None  # the CA's time when the machine started

    def now(self) -> datetime | None:
        """Return the time at the CA."""
        if self._began is None:
            return None
        return self._began + timedelta(seconds=self._ticks.seconds())

    def seconds(self) -> float:
        """Return the seconds since the machine's start, asleep or not."""
        return self._ticks.seconds()

    def heard(self, now: datetime) -> None:
        """Take the CA's word, as soon as it came."""
        began = now - timedelta(seconds=self._ticks.seconds())
        if self._began is None or not timedelta() < self._began - began < SLOW_ANSWER:
            self._began = began

    def to_json(self) -> dict[str, Any] | None:
        """Return what a later process needs to go on with it."""
        now = self.now()
        if now is None:
            return None
        return {
            "now": precise_rfc3339(now),
            "wall": precise_rfc3339(self._ticks.wall()),
            "boot": self._ticks.boot,
            "seconds": self._ticks.seconds(),
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on with a clock that was kept; raise KeyError, TypeError, ValueError for no such.

        After another start of the machine the wall clock tells how long it was off. It may have
        been set back meanwhile: but no time at the CA comes twice.
        """
        then = parse_rfc3339(kept["now"])
        if self._ticks.boot and kept["boot"] == self._ticks.boot:
            self._began = then - timedelta(seconds=float(kept["seconds"]))
            return
        passed = max(timedelta(), self._ticks.wall() - parse_rfc3339(kept["wall"]))
        self._began = then + passed - timedelta(seconds=self._ticks.seconds())
