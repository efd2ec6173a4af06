"""Secrets that were fetched, remembered in memory for minutes; for one event loop.

A secret that was rotated is met when PostgreSQL refuses the one before (`other_than`), or after
minutes: whichever of the two is changed first, nobody who logs in between them is refused.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from pgward.core.errors import PgwardError
from pgward.tunnel.edge.secrets.flights import Flights
from pgward.tunnel.edge.secrets.provider import SecretAwayError, SecretError, SecretProvider
from pgward.tunnel.edge.state_postgres import SecretRef, SecretSource

log = logging.getLogger("pgward.edge")

FRESH = 300.0
"""Seconds that a secret counts without being asked for again."""
STALE = 24 * 3600.0
"""Seconds that it counts while the place where it is cannot be asked."""
AGAIN = 5.0
"""Seconds at least between two times that a secret is asked for."""
PATIENCE = 2.0
"""Seconds that a session waits for a place that does not answer, when a secret is known."""


@dataclass(slots=True)
class _Kept:
    value: bytes = field(repr=False)
    fetched: float
    asked: float  # the last time, in vain or not


class Cupboard:
    """Gets secrets by their references; whoever asks at once for the same waits for one answer.

    ``monotonic`` returns seconds. Nothing blocks the event loop: providers run in threads.
    """

    def __init__(
        self,
        providers: Mapping[SecretSource, SecretProvider],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._providers = dict(providers)
        self._monotonic = monotonic
        self._patience = patience
        self._kept: dict[SecretRef, _Kept] = {}
        self._refused: dict[SecretRef, tuple[float, PgwardError]] = {}
        self._flights: Flights[SecretRef, bytes] = Flights()

    async def get(self, reference: SecretRef) -> bytes:
        """Return the secret; raise SecretError, SecretAwayError."""
        now = self._monotonic()
        kept = self._kept.get(reference)
        if kept is None:
            self._check_refused(reference, now)
            return await self._fetched(reference)
        # In the second case its place is away, as it was some moments ago.
        if now - kept.fetched < FRESH or now - kept.asked < AGAIN:
            return kept.value
        try:
            async with asyncio.timeout(self._patience):
                return await self._fetched(reference)
        except TimeoutError:
            return kept.value

    async def other_than(self, reference: SecretRef, failed: bytes) -> bytes | None:
        """Return the secret as it is now, after PostgreSQL refused ``failed``.

        None when it is the same still, or was looked at a moment ago: another try is no use.
        """
        kept = self._kept.get(reference)
        if kept is not None and kept.value != failed:
            return kept.value  # somebody else met the change before
        if kept is not None and self._monotonic() - kept.asked < AGAIN:
            return None
        try:
            found = await self._fetched(reference)
        except (SecretError, SecretAwayError):
            return None
        return None if found == failed else found

    def keep_only(self, needed: Collection[SecretRef]) -> None:
        """Forget what no service refers to any more."""
        self._kept = {each: kept for each, kept in self._kept.items() if each in needed}
        self._refused.clear()

    def _check_refused(self, reference: SecretRef, now: float) -> None:
        at, error = self._refused.get(reference, (now - AGAIN, None))
        if error is not None and now - at < AGAIN:
            raise error

    async def _fetched(self, reference: SecretRef) -> bytes:
        return await self._flights.join(reference, lambda: self._fetch(reference))

    async def _fetch(self, reference: SecretRef) -> bytes:
        try:
            provider = self._providers.get(reference.source)
            if provider is None:
                raise _unknown(reference)
            value = await asyncio.to_thread(provider.get, reference)
        except SecretAwayError as error:
            return self._stale(reference, error)
        except SecretError as error:
            self._kept.pop(reference, None)  # it was taken away
            self._refused[reference] = (self._monotonic(), error)
            raise
        now = self._monotonic()
        self._refused.pop(reference, None)
        self._kept[reference] = _Kept(value, now, now)
        return value

    def _stale(self, reference: SecretRef, error: SecretAwayError) -> bytes:
        now = self._monotonic()
        kept = self._kept.get(reference)
        if kept is None or now - kept.fetched >= STALE:
            self._kept.pop(reference, None)
            self._refused[reference] = (now, error)
            raise error
        if kept.asked == kept.fetched:  # once, and not each time that it is asked in vain
            log.warning("%s; the one that is known goes on to be used", error.message)
        kept.asked = now
        return kept.value


def _unknown(reference: SecretRef) -> SecretError:
    if reference.source == "vault":
        return SecretError(
            "this edge knows no Vault", hint="set VAULT_ADDR and VAULT_TOKEN_FILE for edge serve"
        )
    return SecretError(f"this edge has no secrets of the kind {reference.source}")
