"""Something of a provider's that is fetched when needed, kept, and fetched anew in time.

However many ask at once, it is fetched once; and what cannot be had is not asked for again at
once, so that neither made-up tokens nor a slow provider make a queue.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pgward.ca.login.oidc.errors import ProviderAwayError
from pgward.core.errors import PgwardError

KEEP_SECONDS = 3600.0
MOST_SECONDS = 24 * 3600.0  # how long an old one serves while no new one can be had
AGAIN_SECONDS = 10.0
AWAY_SECONDS = 3.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """What was fetched, and when."""

    value: T
    since: float


class Keeper(Generic[T]):
    """Keeps one thing; use it on one event loop."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._kept: Kept[T] | None = None
        self._failed: tuple[PgwardError, float] | None = None

    async def get(self, *, newer_than: float | None = None) -> Kept[T]:
        """Return it; fetched later than ``newer_than`` if that may be done again by now.

        Raise ProviderAwayError or UntrustedError when it cannot be had.
        """
        async with self._lock:
            kept, now = self._kept, self._monotonic()
            if kept is not None and not _is_due(kept, now, newer_than):
                return kept
            try:
                self._kept = Kept(await self._try(now), now)
            except ProviderAwayError:
                if kept is None or newer_than is not None or now - kept.since >= MOST_SECONDS:
                    raise
                return kept
            return self._kept

    async def _try(self, now: float) -> T:
        if self._failed is not None and now - self._failed[1] < AWAY_SECONDS:
            raise self._failed[0].with_traceback(None)
        self._failed = None
        try:
            return await self._fetch()
        except PgwardError as error:
            self._failed = error, self._monotonic()
            raise


def _is_due(kept: Kept[T], now: float, newer_than: float | None) -> bool:
    if newer_than is not None and kept.since <= newer_than:
        return now - kept.since >= AGAIN_SECONDS
    return now - kept.since >= KEEP_SECONDS
