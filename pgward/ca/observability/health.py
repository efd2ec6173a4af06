"""Whether this process can do its work: checks that tell their names and states, nothing else.

`/healthz` says that the process lives; `/readyz` is this. Anyone may ask, so answers are kept
for a moment, and a check that hangs is not begun again until it has ended.
"""

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pgward.ca import timekeeping
from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.authority import Authority
from pgward.ca.revoking import crl_health
from pgward.ca.store import Store, marks
from pgward.core.errors import PgwardError, UnavailableError

State = Literal["ok", "failed", "slow"]
DEADLINE_SECONDS = 3.0
ROOM_BYTES = 1 << 20  # on the disk of an SQLite store
_PROBE = "probe"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Check:
    """Something that must work; ``look`` raises when it does not. Its answer is kept a while."""

    name: str
    look: Callable[[], None]
    kept_seconds: float = 2.0
    _state: State = "ok"
    _until: float = float("-inf")
    _running: asyncio.Task[State] | None = None

    async def state(self, now: float) -> State:
        """Look, unless that was done lately or goes on: a look that hangs is ``slow``."""
        if self._running is None and now < self._until:
            return self._state
        if self._running is None:
            self._running = asyncio.create_task(self._look(now))
        try:
            # Shielded: who asked may go away, and others may wait for the same look.
            return await asyncio.wait_for(asyncio.shield(self._running), DEADLINE_SECONDS)
        except TimeoutError:
            return "slow"

    async def _look(self, now: float) -> State:
        before = self._state
        try:
            await asyncio.to_thread(self.look)
            self._state = "ok"
        except Exception as error:  # noqa: BLE001 - whatever it is, it does not work
            self._state = "failed"
            if before == "ok":
                self._tell(error)
        finally:
            self._until = max(now, time.monotonic()) + self.kept_seconds
            self._running = None
        return self._state

    def _tell(self, error: Exception) -> None:
        if isinstance(error, PgwardError):
            _log.warning("not ready: %s: %s", self.name, error.message)
        else:
            _log.error("not ready: %s", self.name, exc_info=error)


@dataclass(slots=True)
class Readiness:
    """All checks of a process."""

    checks: tuple[Check, ...] = ()

    async def states(self) -> Mapping[str, State]:
        """Return the state of each check by its name."""
        now = time.monotonic()
        states = await asyncio.gather(*(check.state(now) for check in self.checks))
        return {check.name: state for check, state in zip(self.checks, states, strict=True)}


@dataclass(slots=True)
class Checks:
    """What is looked at; each method raises PgwardError when it is not as it must be."""

    authority: Authority
    store: Store
    certificate: ApiCertificate | None = None

    def readiness(self) -> Readiness:
        """Return them as checks."""
        return Readiness(
            (
                Check("store", self.check_store),
                Check("keys", self.authority.check_keys, kept_seconds=30.0),
                Check("certificate", self.check_certificate),
                Check("crls", self.check_crls),
                Check("clock", self.check_clock),
            )
        )

    def check_store(self) -> None:
        """Write something new: only a commit shows that the disk takes it.

        The same value as before would not do, as SQLite leaves a page alone that stays the same.
        """
        with self.store.write() as transaction:
            marks.put(transaction.connection, _PROBE, secrets.token_hex(8))
        url = self.store.engine.url
        if url.drivername == "sqlite":  # its place on the disk may have been there already
            _check_room(Path(url.database or "").parent)

    def check_certificate(self) -> None:
        """See that clients accept the API's own certificate now."""
        if self.certificate is not None and not self.certificate.is_valid():
            raise UnavailableError("the API's own certificate is not valid now")

    def check_crls(self) -> None:
        """See that no CA's CRL has ended or is about to, or is from the future."""
        now = self.authority.clock.now()
        for crl in crl_health.report(self.authority, self.store, now):
            if crl_health.locks_out(crl, now):
                raise UnavailableError(f"the revocation list of {crl.ca}: {crl.message}")

    def check_clock(self) -> None:
        """See that the clock is not behind what the authority, here or elsewhere, did last."""
        timekeeping.check(self.store, self.authority.clock.now())


def _check_room(directory: Path) -> None:
    left = shutil.disk_usage(directory).free
    if left < ROOM_BYTES:
        raise UnavailableError(f"the disk of {directory} is full: {left // 1024} KiB are left")
