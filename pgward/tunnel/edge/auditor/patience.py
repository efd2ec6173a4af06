"""When to go on without a chunk: its target fails at it again and again, and at no other.

What a fault of the CA's is to blame for is tried for long, as the next version may have none. But
what comes behind must not wait for ever. A target that fails at chunk after chunk has another
trouble than a chunk: so the time is twice as long after each one that was set aside, until one is
delivered.
"""

import time
from collections.abc import Callable
from typing import Final

FAILURES: Final = 10
SECONDS: Final = 15 * 60.0
LONGEST_SECONDS: Final = 24 * 3600.0


class Patience:
    """Counts a target's failures at one chunk; ``now`` tells seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seconds = SECONDS
        self._number = 0
        self._failures = 0
        self._since = 0.0

    def failed(self, number: int) -> bool:
        """Count a failure at a chunk; tell whether that was tried often and long enough."""
        if number != self._number:
            self._number, self._failures, self._since = number, 0, self._now()
        self._failures += 1
        return self._failures >= FAILURES and self._now() - self._since >= self._seconds

    def __str__(self) -> str:
        minutes = int(self._now() - self._since) // 60
        return f"{self._failures} times in {minutes} minutes"

    def set_aside(self) -> None:
        """Hear that the chunk was set aside."""
        self._number = 0
        self._seconds = min(2 * self._seconds, LONGEST_SECONDS)

    def delivered(self) -> None:
        """Hear that one was delivered."""
        self._number, self._seconds = 0, SECONDS
