"""Token buckets: so much at once, and so much a second; pure, with the time passed in."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

_ROUNDING = 1e-9  # seconds that adding floats leaves over
MOST = 20_000  # keys remembered, about 250 bytes each


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_second`` go on for ever, after ``burst`` at once; 0 a second means without limit."""

    per_second: float
    burst: float

    @property
    def is_limited(self) -> bool:
        """Whether there is anything to count."""
        return self.per_second > 0


class Buckets:
    """One bucket a key; ``now`` is a time in seconds that never goes back. Safe in any thread.

    Only the ``most`` keys used last are remembered: a forgotten one starts with a full bucket, so
    whoever comes from ever new addresses gains what a new address has anyway.
    """

    def __init__(self, rate: Rate, *, most: int = MOST) -> None:
        self._rate = rate
        self._most = most
        self._lock = threading.Lock()
        # When the bucket will be full again: one number says all (GCRA, ITU-T I.371).
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: Hashable, now: float) -> float:
        """Take one token; return 0, or how many seconds until there is one (then none is taken)."""
        if not self._rate.is_limited:
            return 0.0
        with self._lock:
            wait = self._wait(key, now)
            if not wait:
                self._charge(key, now)
        return wait

    def wait(self, key: Hashable, now: float) -> float:
        """Return how many seconds until there is a token, without taking one."""
        if not self._rate.is_limited:
            return 0.0
        with self._lock:
            return self._wait(key, now)

    def charge(self, key: Hashable, now: float) -> None:
        """Take a token although there may be none: what it stands for has happened already."""
        if self._rate.is_limited:
            with self._lock:
                self._charge(key, now)

    def _wait(self, key: Hashable, now: float) -> float:
        owed = self._full_at.get(key, now) - now + 1 / self._rate.per_second
        wait = owed - self._rate.burst / self._rate.per_second
        return wait if wait > _ROUNDING else 0.0

    def _charge(self, key: Hashable, now: float) -> None:
        full_at = max(now, self._full_at.pop(key, now)) + 1 / self._rate.per_second
        self._full_at[key] = min(full_at, now + self._rate.burst / self._rate.per_second)
        while len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
