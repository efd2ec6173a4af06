"""Knows whether the store changed, so that what was read from it can be served from memory."""

import threading
import time
from collections.abc import Callable

from pgward.ca.store.database import Store

_LOOK_SECONDS = 1.0


class Freshness:
    """The store's version: what this process committed counts at once, others' within a second.

    Read it before what it is to guard: then that is never older than it claims.
    """

    def __init__(self, store: Store, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._changes = 0  # that this process told of
        self._seen = -1  # how many of them `_version` reflects
        self._version = 0
        self._looked = 0.0
        store.on_change(self._changed)

    def known(self) -> int | None:
        """Return the version without blocking; None when the store must be asked."""
        stale = self._seen != self._changes or self._monotonic() >= self._looked + _LOOK_SECONDS
        return None if stale else self._version

    def version(self) -> int:
        """Return the version, asking the store if need be; blocks."""
        known = self.known()
        if known is not None:
            return known
        changes, now = self._changes, self._monotonic()
        version = self._store.version()
        with self._lock:
            if version >= self._version or changes > self._seen:
                self._version, self._seen, self._looked = version, changes, now
        return version

    def _changed(self) -> None:
        with self._lock:
            self._changes += 1
