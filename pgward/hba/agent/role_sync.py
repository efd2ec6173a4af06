"""The duty ``roles``: the map and the roles of the server, as the role maps at the CA say."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from pgward.audit.events import AuditEvent
from pgward.core.errors import UnavailableError
from pgward.hba.agent.duty import Done, Turn
from pgward.hba.agent.interfaces import Events
from pgward.hba.install.host import Host
from pgward.hba.roles import sync as work
from pgward.hba.roles.sync import Ask, Outcome

log = logging.getLogger("pgward.hba")

LOOK_SECONDS = 300.0
"""How often it is looked though nothing is new: accounts end, and files are edited. Each look is a
login of the superuser, which the log and the audit trail have."""
SOON_SECONDS = 5.0
_BEHIND_SECONDS = 1.0
_NAMED = 50


class RoleSync:
    """Does one round at once when the CA has news of roles, and every few minutes besides."""

    name = "roles"
    follows = frozenset({"roles"})

    def __init__(
        self,
        host: Host,
        ask: Ask,
        events: Events,
        *,
        name: str,
        map_name: str = "pgward",
        skew: Callable[[], timedelta] = timedelta,
        sync: Callable[..., Outcome] = work.sync,
    ) -> None:
        self._host = host
        self._ask = ask
        self._events = events
        self._name = name
        self._map_name = map_name
        self._skew = skew
        self._sync = sync
        self._noted: tuple[str, ...] = ()

    def run(self, turn: Turn) -> Done:
        """Do one round; what the role maps want and cannot have is in the log."""
        outcome = self._do(turn.now)
        if outcome.refusal is not None:
            raise outcome.refusal
        if outcome.away is not None:
            raise UnavailableError(outcome.away)
        for note in outcome.notes:
            if note not in self._noted:
                log.warning("roles: %s", note)
        self._noted = outcome.notes
        problems = []
        if outcome.held is not None:
            problems.append(f"{outcome.held}; pgward hba roles --force does it")
        if outcome.unended:
            problems.append(
                f"{outcome.unended} sessions of people who lost the role have not ended"
            )
        due = SOON_SECONDS if outcome.unended else self._until(outcome.next_end, turn.now)
        return Done(due, tuple(problems))

    def _do(self, now: datetime) -> Outcome:
        skew = self._skew()
        outcome = self._sync(self._host, self._ask, map_name=self._map_name, now=now, skew=skew)
        if outcome.changed or outcome.ended:
            self._record(outcome, now)
        return outcome

    def _until(self, end: datetime | None, now: datetime) -> float:
        """Return the seconds to the next look: at the end of a grant, as the CA may be away then.

        While it is not, it says so itself, a moment before.
        """
        if end is None:
            return LOOK_SECONDS
        left = (end - (now - self._skew())).total_seconds() + _BEHIND_SECONDS
        return min(max(left, SOON_SECONDS), LOOK_SECONDS)

    def close(self) -> None:
        """Hold nothing."""

    def _record(self, outcome: Outcome, now: datetime) -> None:
        removed = [f"{person} as {role}" for person, role in sorted(outcome.planned.ended)]
        event = AuditEvent.make(
            time=now,
            actor=f"host:{self._name}",
            action="host.roles",
            target=self._name,
            details={
                "host": self._name,
                "pairs": len(outcome.planned.pairs),
                "removed": removed[:_NAMED],
                "removed_count": len(removed),
                "sessions_ended": outcome.ended,
            },
        )
        self._events.append(event.to_json())
