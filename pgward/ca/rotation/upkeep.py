"""What `ca serve` does for rotations, again and again."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from pgward.ca.authority import Authority
from pgward.ca.rotation import endings
from pgward.ca.rotation.replicas import Presence
from pgward.ca.store import Store

_WARN_EVERY = timedelta(days=1)
_log = logging.getLogger(__name__)


class RotationUpkeep:
    """Keeps this replica in step, lets the others know of it, and warns of a CA's end.

    ``on_step`` is called whenever a rotation's step was taken up.
    """

    def __init__(
        self, authority: Authority, store: Store, address: str, on_step: Callable[[], object]
    ) -> None:
        self._authority = authority
        self._presence = Presence(store, lambda: authority.standing, address, authority.clock)
        self._warned: datetime | None = None
        authority.on_refresh(on_step)
        authority.on_refresh(self._presence.tell)

    def run(self) -> None:
        """Do it once; raise UnavailableError when the store is away."""
        self._authority.refresh()
        self._presence.tell()
        self._warn(self._authority.clock.now())

    def end(self) -> None:
        """Say that this replica serves no more."""
        self._presence.end()

    def _warn(self, now: datetime) -> None:
        # A time in the future is from before the clock was put right.
        if self._warned is not None and self._warned <= now < self._warned + _WARN_EVERY:
            return
        self._warned = now
        for ending in endings.due(self._authority.standing.generations, now):
            _log.warning("%s", ending.warning(now))
