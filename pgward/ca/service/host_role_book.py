"""What each host is told of its roles, worked out once for each version of the store."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pgward.ca.identity import directory
from pgward.ca.resources import host_grants, host_roles
from pgward.ca.store import Store

# Accounts begin and end without a change of the store.
_WORTH = timedelta(seconds=30)
_MOST = 1_000  # hosts whose roles are remembered


class HostRoleBook:
    """Safe to use from any thread; its one method blocks."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, datetime, dict[str, Any]]] = {}

    def get(self, host: str) -> dict[str, Any]:
        """Return a host's roles, with their version and digest; ConflictError for too many."""
        now, read = self._now(), self._store.version()  # first of all: never too new
        with self._lock:
            known = self._known.get(host)
        if known is not None and known[0] >= read and abs(now - known[1]) < _WORTH:
            return known[2]
        with self._store.read() as connection:
            maps = host_roles.maps_of(connection, host)
            grants = host_grants.of_host(connection, host, now)
            people = directory.everyone(connection) if maps or grants.pairs else []
        found = {"version": read, **host_roles.resolve(maps, people, now, grants)}
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[host] = (read, now, found)
        return found
