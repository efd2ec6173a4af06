"""What an edge puts on record: sessions opened, closed and cut, and everyone turned away.

Anybody can be turned away as often as he likes: so many a second are recorded one by one, of
each person and of all strangers together, and the others as a number, or one of them could
fill the CA's disk.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, Protocol

from pgward.audit.events import AuditEvent
from pgward.core.clock import Clock
from pgward.core.names import UNKNOWN
from pgward.tunnel.edge.sessions import Link
from pgward.tunnel.preface import RefusedError

STRANGERS_AT_ONCE = 200
STRANGERS_A_SECOND = 2.0
PERSON_AT_ONCE = 50
PERSON_A_SECOND = 0.5
_MOST_PEOPLE = 5_000  # whose numbers are remembered


@dataclass(slots=True)
class _Room:
    """How many more refusals may be recorded one by one, and how many were not."""

    most: float
    a_second: float
    at: datetime
    left: float
    unrecorded: int = 0

    def take(self, now: datetime) -> bool:
        """Tell whether there is room for one, and take it."""
        passed = max(0.0, (now - self.at).total_seconds())
        self.at = now
        self.left = min(self.most, self.left + passed * self.a_second)
        if self.left < 1:
            self.unrecorded += 1
            return False
        self.left -= 1
        return True


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
        now = clock.now()
        self._strangers = _Room(STRANGERS_AT_ONCE, STRANGERS_A_SECOND, now, STRANGERS_AT_ONCE)
        self._people: dict[str, _Room] = {}  # who was refused last comes last

    def session(self, action: str, outcome: str, link: Link, reason: str | None) -> None:
        """Record what happened to a session of a link."""
        is_new = action == "session.open" and link.grants != link.record_grants
        if is_new or not link.record_tail:
            link.record_grants = link.grants
            link.record_tail = self._tail(link)
        moment = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        self._spool.append_line(
            f'{{"id":"{self._process}-{next(self._numbers)}","time":"{moment}Z",'
            f'"action":"{action}","outcome":"{outcome}","reason":{json.dumps(reason)},'
            f"{link.record_tail}"
        )

    def refusal(self, address: str, user: str | None, refusal: RefusedError) -> None:
        """Record that a client was turned away at the door; in a flood, as a number."""
        now = self._clock.now()
        room = self._strangers if user is None else self._room_of(user, now)
        if not room.take(now):
            return
        details: dict[str, Any] = {"edge": self._edge, "code": refusal.reason.name.lower()}
        if room.unrecorded:
            details["unrecorded_before"], room.unrecorded = room.unrecorded, 0
        event = AuditEvent.make(
            time=now,
            actor=user or UNKNOWN,
            action="session.open",
            outcome="denied",
            reason=refusal.message,
            client=address,
            details=details,
        )
        self._spool.append(event.to_json())

    def _room_of(self, user: str, now: datetime) -> _Room:
        room = self._people.pop(user, None)
        if room is None:
            room = _Room(PERSON_AT_ONCE, PERSON_A_SECOND, now, PERSON_AT_ONCE)
        self._people[user] = room
        if len(self._people) > _MOST_PEOPLE:
            del self._people[next(iter(self._people))]
        return room

    def _tail(self, link: Link) -> str:
        details: dict[str, Any] = {"edge": self._edge, "serial": f"{link.peer.serial:x}"}
        if link.record_grants is not None:
            details["grants"] = list(link.record_grants)
        fixed = {
            "actor": link.peer.user,
            "target": link.service,
            "client": link.address,
            "details": details,
        }
        return json.dumps(fixed)[1:]
