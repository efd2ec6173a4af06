"""What an edge puts on record: sessions opened, closed and cut, and everyone turned away.

Anybody can be turned away as often as he likes: of those without a name, so many a second
are recorded one by one, and the others as a number, or strangers could fill the CA's disk.
"""

import json
import secrets
from itertools import count
from typing import Any, Protocol

from pgward.audit.events import AuditEvent
from pgward.core.clock import Clock
from pgward.core.names import UNKNOWN
from pgward.tunnel.edge.sessions import Link
from pgward.tunnel.preface import RefusedError

STRANGERS_AT_ONCE = 200
STRANGERS_A_SECOND = 2.0


class Events(Protocol):
    """Keeps audit events until the CA has them."""

    def append(self, event: dict[str, Any]) -> None:
        """Keep one."""
        ...

    def append_line(self, line: str) -> None:
        """Keep one that is JSON text already."""
        ...


class Journal:
    """Writes audit events; those of a session, which are many, from a text made once a link."""

    def __init__(self, spool: Events, edge: str, clock: Clock) -> None:
        self._spool = spool
        self._edge = edge
        self._clock = clock
        self._process = secrets.token_hex(12)
        self._numbers = count()
        self._room = float(STRANGERS_AT_ONCE)
        self._room_at = clock.now()
        self._unrecorded = 0

    def session(self, action: str, outcome: str, link: Link, reason: str | None) -> None:
        """Record what happened to a session of a link."""
        if not link.record_tail:
            link.record_tail = self._tail(link)
        moment = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        self._spool.append_line(
            f'{{"id":"{self._process}-{next(self._numbers)}","time":"{moment}Z",'
            f'"action":"{action}","outcome":"{outcome}","reason":{json.dumps(reason)},'
            f"{link.record_tail}"
        )

    def refusal(self, address: str, user: str | None, refusal: RefusedError) -> None:
        """Record that a client was turned away at the door; strangers in a flood as a number."""
        if user is None and not self._has_room():
            self._unrecorded += 1
            return
        details: dict[str, Any] = {"edge": self._edge, "code": refusal.reason.name.lower()}
        if user is None and self._unrecorded:
            details["unrecorded_before"], self._unrecorded = self._unrecorded, 0
        event = AuditEvent.make(
            time=self._clock.now(),
            actor=user or UNKNOWN,
            action="session.open",
            outcome="denied",
            reason=refusal.message,
            client=address,
            details=details,
        )
        self._spool.append(event.to_json())

    def _has_room(self) -> bool:
        now = self._clock.now()
        passed = max(0.0, (now - self._room_at).total_seconds())
        self._room_at = now
        self._room = min(STRANGERS_AT_ONCE, self._room + passed * STRANGERS_A_SECOND)
        if self._room < 1:
            return False
        self._room -= 1
        return True

    def _tail(self, link: Link) -> str:
        fixed = {
            "actor": link.peer.user,
            "target": link.service,
            "client": link.address,
            "details": {"edge": self._edge, "serial": f"{link.peer.serial:x}"},
        }
        return json.dumps(fixed)[1:]
