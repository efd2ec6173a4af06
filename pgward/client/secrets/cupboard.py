"""Secrets that were fetched, remembered in memory for minutes; safe to use from any thread.

A secret that was rotated is met when PostgreSQL refuses the one before (``fresh``), or after
minutes: whichever of the two is changed first, nobody who logs in between them is refused. The CA
tells after a refusal what is on its way to the server, before it has proved itself.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from pgward.client.secrets.provider import SecretAwayError, SecretError, SecretProvider
from pgward.client.secrets.reference import SecretRef, SecretSource
from pgward.core.errors import PgwardError

log = logging.getLogger("pgward.secrets")

FRESH = 300.0
"""Seconds that a secret counts without being asked for again."""
STALE = 24 * 3600.0
"""Seconds that it counts while the place where it is cannot be asked."""
AGAIN = 5.0
"""Seconds at least between two times that a secret is asked for."""
PATIENCE = 2.0
"""Seconds that a session waits for a place that does not answer, when a secret is known."""
_THREADS = 4


@dataclass(slots=True)
class _Kept:
    value: bytes = field(repr=False)
    fetched: float
    asked: float  # the last time, in vain or not


@dataclass(frozen=True, slots=True)
class Asking:
    """What is being fetched, and what is known meanwhile: that counts after ``patience``."""

    future: "Future[bytes]"
    known: bytes | None = field(repr=False)
    patience: float | None


class Cupboard:
    """Gets secrets by their references; whoever asks at once for the same waits for one answer.

    ``monotonic`` returns seconds; ``who`` is what errors call us. Providers run in
    threads of its own; close it after use.
    """

    def __init__(
        self,
        providers: Mapping[SecretSource, SecretProvider],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
        who: str = "edge",
    ) -> None:
        self._providers = dict(providers)
        self._monotonic = monotonic
        self._patience = patience
        self._who = who
        self._lock = threading.Lock()
        self._kept: dict[SecretRef, _Kept] = {}
        self._refused: dict[SecretRef, tuple[float, PgwardError]] = {}
        # When each was asked for as PostgreSQL had refused it.
        self._freshened: dict[SecretRef, float] = {}
        self._flights: dict[tuple[SecretRef, bool], Future[bytes]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="secrets")

    def close(self) -> None:
        """Begin nothing any more; what is being fetched ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def get(self, reference: SecretRef, *, fresh: bool = False) -> bytes:
        """Return the secret; raise SecretError, SecretAwayError. Blocks.

        ``fresh``: PostgreSQL refused what is remembered. Who asks so again in seconds gets that all
        the same.
        """
        found = self.ask(reference, fresh=fresh)
        if not isinstance(found, Asking):
            return found
        try:
            return found.future.result(found.patience)
        except TimeoutError:
            if found.known is None or found.future.done():
                raise
            return found.known

    def ask(self, reference: SecretRef, *, fresh: bool = False) -> bytes | Asking:
        """Return the secret, or what to wait for; raise what was said a moment ago."""
        now = self._monotonic()
        with self._lock:
            kept = self._kept.get(reference)
            if kept is None:
                self._check_refused(reference, now)
                return Asking(self._flight(reference), None, None)
            if not self._is_due(reference, kept, now, fresh=fresh):
                return kept.value
            patience = None if fresh else self._patience
            return Asking(self._flight(reference, refused=fresh), kept.value, patience)

    def keep_only(self, needed: Collection[SecretRef]) -> None:
        """Forget what no service refers to any more."""
        with self._lock:
            self._kept = {each: kept for each, kept in self._kept.items() if each in needed}
            self._refused.clear()
            self._freshened.clear()

    def _is_due(self, reference: SecretRef, kept: _Kept, now: float, *, fresh: bool) -> bool:
        if fresh:
            is_due = now - self._freshened.get(reference, now - AGAIN) >= AGAIN
            if is_due:
                self._freshened[reference] = now
            return is_due
        # Where it was asked for a moment ago, its place is away.
        return now - kept.fetched >= FRESH and now - kept.asked >= AGAIN

    def _check_refused(self, reference: SecretRef, now: float) -> None:
        at, error = self._refused.get(reference, (now - AGAIN, None))
        if error is not None and now - at < AGAIN:
            raise error

    def _flight(self, reference: SecretRef, *, refused: bool = False) -> "Future[bytes]":
        key = reference, refused
        if key not in self._flights:
            try:
                self._flights[key] = self._threads.submit(self._fetch, *key)
            except RuntimeError as error:  # closed
                raise SecretAwayError(f"the {self._who} is stopping") from error
        return self._flights[key]

    def _fetch(self, reference: SecretRef, refused: bool) -> bytes:
        try:
            provider = self._providers.get(reference.source)
            if provider is None:
                raise _unknown(reference, self._who)
            value = provider.get(reference, refused=refused)
        except SecretAwayError as error:
            with self._lock:
                return self._stale(reference, error)
        except SecretError as error:
            with self._lock:
                self._kept.pop(reference, None)  # it was taken away
                self._refused[reference] = (self._monotonic(), error)
            raise
        else:
            with self._lock:
                now = self._monotonic()
                self._refused.pop(reference, None)
                self._kept[reference] = _Kept(value, now, now)
            return value
        finally:
            with self._lock:
                self._flights.pop((reference, refused), None)

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


def _unknown(reference: SecretRef, who: str) -> SecretError:
    if reference.source == "vault":
        return SecretError(
            f"this {who} knows no Vault",
            hint=f"set VAULT_ADDR and VAULT_TOKEN_FILE for {who} serve",
        )
    return SecretError(f"this {who} has no secrets of the kind {reference.source}")
