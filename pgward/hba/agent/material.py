"""The duty ``material``: the server's certificate, the revocation lists, a rotation's orders.

The CA is asked before the host's lock is taken, so that one which does not answer holds up nobody
else who changes this server's files.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pgward.audit.events import AuditEvent
from pgward.core.clock import rfc3339
from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.agent.backends import Revoked
from pgward.hba.agent.duty import Done, Turn
from pgward.hba.agent.interfaces import Events
from pgward.hba.install import apply
from pgward.hba.install.duties import attempt
from pgward.hba.install.host import Host
from pgward.hba.install.material import Material, read_crls
from pgward.hba.install.plausible import check_successor
from pgward.hba.server.datadir import Running
from pgward.pki import crl

log = logging.getLogger("pgward.hba")

REFRESH_SECONDS = 300.0
REFRESH_SECONDS_WITHOUT_PUSH = 30.0
"""Also while the CA is away: it is heard again within this time."""
_ORDERS_SECONDS = 10.0


class Source(Protocol):
    """The CA, as the host's enrolment reaches it."""

    def current(self) -> Material:
        """Return fresh material; raise UnavailableError when the CA is away."""
        ...

    def duties(self, running: Callable[[], Running | None]) -> list[str]:
        """Do what a rotation asks of this host; return what was not right."""
        ...


@dataclass(frozen=True, slots=True)
class _Got:
    """What the CA gave, as a source for a run under the lock."""

    material: Material | None
    away: UnavailableError | None

    def current(self) -> Material:
        if self.material is None:
            raise self.away or UnavailableError("the CA gave nothing")
        return self.material


class Keeping:
    """Installs what is new, has the server take it, sees by handshake that it did.

    ``source`` makes a fresh one for each turn, which asks for orders anew. ``on_change`` is called
    after every turn that installed something.
    """

    name = "material"
    follows = frozenset({"crls", "trust", "orders"})

    def __init__(
        self,
        host: Host,
        source: Callable[[], Source],
        events: Events,
        *,
        name: str,
        pushed: Callable[[], bool],
        on_change: Callable[[], object],
    ) -> None:
        self._host = host
        self._source = source
        self._events = events
        self._name = name
        self._pushed = pushed
        self._on_change = on_change
        self._newest: Material | None = None
        self.got_at: datetime | None = None
        self.away: str | None = None

    @property
    def newest(self) -> Material | None:
        """What the CA gave last, whether it could be installed or not."""
        return self._newest

    def run(self, turn: Turn) -> Done:
        """Do what ``hba refresh`` does; raise PgwardError when it cannot be installed."""
        source = self._source()
        got = self._get(source, turn.now)
        outcome = apply.refresh(self._host, got, now=turn.now)
        if outcome.changed:
            self._record(outcome, turn.now)
            self._on_change()
        problems: list[str] = []
        if got.material is not None:
            found = attempt(lambda: source.duties(self._host.data_dir.running))
            problems = [f"not ready for the CA's next step: {each}" for each in found]
        return Done(self._pause(problems), tuple(problems))

    def close(self) -> None:
        """Hold nothing."""

    def _pause(self, problems: Sequence[str]) -> float:
        if problems:
            return _ORDERS_SECONDS
        return REFRESH_SECONDS if self._pushed() else REFRESH_SECONDS_WITHOUT_PUSH

    def _get(self, source: Source, now: datetime) -> _Got:
        try:
            material = source.current()
        except UnavailableError as error:
            if self.away is None:
                log.warning("the CA gives nothing new: %s", error)
            self.away = error.message
            return _Got(None, error)
        self.away = None
        material.check(now)
        check_successor(material, self._newest or self._installed())
        if material != self._newest:
            self._newest = material
            self._on_change()  # whoever is on its lists ends, also when the disk is full
        self.got_at = now
        return _Got(material, None)

    def _installed(self) -> Material | None:
        """Return what is installed; None also where that cannot be read, and is replaced."""
        try:
            found = self._host.generations.load()
            if found is not None:
                read_crls(found.crls)
        except PgwardError as error:
            log.warning("what is installed cannot be read: %s", error)
            return None
        return found

    def _record(self, outcome: apply.Outcome, now: datetime) -> None:
        material = outcome.material
        numbers = {
            each.issuer.rfc4514_string(): crl.number(each) for each in material.revocation_lists
        }
        event = AuditEvent.make(
            time=now,
            actor=f"host:{self._name}",
            action="host.refresh",
            target=self._name,
            details={
                "serial": f"{material.leaf.serial_number:x}",
                "not_after": rfc3339(material.not_after),
                "crls": numbers,
                "running": outcome.running,
                "took": outcome.took,
            },
        )
        self._events.append(event.to_json())
        log.info("installed new material; %s", _effect(outcome))


class Lists:
    """What revocation lists say: those that are installed, and the newest that the CA gave.

    Each is read when it changes only: there may be 100,000 entries.
    """

    def __init__(self, host: Host, newest: Callable[[], Material | None]) -> None:
        self._host = host
        self._newest = newest
        self._lock = threading.Lock()
        self._read: dict[bytes, Revoked] = {}

    def __call__(self) -> Sequence[Revoked]:
        """Return them; raise PgwardError when what is installed cannot be read."""
        newest = self._newest()
        with self._lock:
            try:
                installed = self._host.generations.load()
                found = {each.crls: self._of(each) for each in (installed, newest) if each}
            except PgwardError:
                if newest is None:
                    raise
                found = {newest.crls: self._of(newest)}
            self._read = found
        return list(found.values())

    def _of(self, material: Material) -> Revoked:
        known = self._read.get(material.crls)
        return Revoked.of(material.revocation_lists) if known is None else known


def _effect(outcome: apply.Outcome) -> str:
    if not outcome.running:
        return "the server does not run, and takes it when it starts"
    return "the server took it" if outcome.took else "whether the server took it cannot be told"
