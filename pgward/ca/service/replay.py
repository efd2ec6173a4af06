"""Remembers the proofs that were used, so that none is used twice (RFC 9449 section 11.1)."""

import threading
from collections import OrderedDict

_MAX_REMEMBERED = 200_000


class ReplayCache:
    """Ids of proofs, each remembered for ``seconds``; safe to use from any thread.

    Each process has its own (docs/concepts/ca.md): a proof is also bound to one method, path and
    minute, and to remember it in the store would make every request a write.
    """

    def __init__(self, seconds: float, *, limit: int = _MAX_REMEMBERED) -> None:
        self._seconds = seconds
        self._limit = limit
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, float] = OrderedDict()

    def is_new(self, key: str, now: float) -> bool:
        """Remember the key; tell whether it was not seen before. ``now`` never goes back."""
        with self._lock:
            self._drop_old(now)
            if key in self._seen:
                return False
            self._seen[key] = now
            return True

    def _drop_old(self, now: float) -> None:
        while self._seen:
            key, when = next(iter(self._seen.items()))
            if now - when < self._seconds and len(self._seen) < self._limit:
                return
            del self._seen[key]
