"""Sending what waits on one channel, and taking note of it.

Each outcome is committed by itself, after the channel took the message: what breaks in between is
sent again, with the same id. A channel that is away is asked again, ever less often, for a day.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import caller, observe
from pgward.ca.notices import message as messages
from pgward.ca.notices.channel import Channel, ChannelError, Parcel
from pgward.ca.notices.links import Linker
from pgward.ca.notices.message import Message
from pgward.ca.notices.notice import Facts, Kind
from pgward.ca.notices.queueing import DEAD, SENT, WAITING
from pgward.ca.store.database import Store
from pgward.ca.store.purge import Write
from pgward.ca.store.schema import users
from pgward.ca.store.schema_notices import notice_deliveries, notices
from pgward.core.clock import Clock

BATCH: Final = 20
MOST_TRIES: Final = 32
"""About a day of them."""
_FIRST_WAIT: Final = 15.0
_LONGEST_WAIT: Final = 3600.0
_MOST_PROBLEM: Final = 300
_log = logging.getLogger(__name__)

_delivery = notice_deliveries.c
_DUE = (
    sa.select(
        *(_delivery.id, _delivery.recipient, _delivery.attempts),
        *(notices.c.kind, notices.c.request_id, notices.c.facts, notices.c.created_at),
        *(notices.c.due_at, users.c.email),
    )
    .join(notices, notices.c.id == _delivery.notice_id)
    .outerjoin(users, users.c.name == _delivery.recipient)
    .where(
        _delivery.state == WAITING,
        _delivery.channel == sa.bindparam("on_channel"),
        _delivery.next_at <= sa.bindparam("now"),
    )
    .order_by(_delivery.next_at, _delivery.id)
    .limit(BATCH)
)


def wait_after(attempts: int) -> float:
    """Return how many seconds to wait after so many failures."""
    return float(min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(attempts - 1, 16)))


@dataclass(slots=True, eq=False)
class Sender:
    """Sends on one channel; one turn at a time."""

    store: Store
    channel: Channel
    clock: Clock
    write: Write
    linker: Linker | None = None
    invitation: Callable[[str], str] | None = None
    """Returns the link of an invitation."""
    _trouble: str | None = field(default=None, init=False)

    def turn(self) -> int:
        """Send up to ``BATCH`` that are due; return how many were sent."""
        with self.store.read() as connection:
            asked = {"on_channel": self.channel.name, "now": self.clock.now()}
            rows = list[sa.Row[Any]](connection.execute(_DUE, asked))
        if not rows:
            return 0
        parcels = [Parcel(self._message(row), row.email or "") for row in rows]
        return self._send(rows, parcels)

    def _send(self, rows: Sequence[sa.Row[Any]], parcels: Sequence[Parcel]) -> int:
        sent = 0
        outcomes = self.channel.send(parcels)
        for number, row in enumerate(rows):
            try:
                error = next(outcomes)
            except ChannelError as away:
                self._is_away(away)
                for each in rows[number:]:
                    self._note(each, away)
                return sent
            except Exception as bug:  # noqa: BLE001 - one message must not hold up the others
                _log.exception("a notice cannot be sent: %s", row.id)
                self._note(row, ChannelError(type(bug).__name__, for_good=True))
                return sent
            self._note(row, error)
            sent += error is None
        next(outcomes, None)  # it hangs up
        self._is_away(None)
        return sent

    def _message(self, row: sa.Row[Any]) -> Message:
        facts, kind = Facts.read(row.facts), Kind(row.kind)
        link = None
        if self.linker is not None and kind in messages.TO_DECIDE:
            link = self.linker.link(row.id, row.request_id, row.recipient, facts, self.clock.now())
        elif self.linker is not None and kind in messages.REVIEWS:
            link = self.linker.review(facts.service)
        elif self.invitation is not None and kind is Kind.INVITED:
            link = self.invitation(row.request_id)
        return Message(row.id, kind, row.request_id, row.recipient, facts, row.due_at, link)

    def _note(self, row: sa.Row[Any], error: ChannelError | None) -> None:
        now = self.clock.now()
        changes, outcome = self._changes(row, error, now)
        with self.write() as transaction:
            chosen = sa.and_(_delivery.id == row.id, _delivery.state == WAITING)
            transaction.execute(sa.update(notice_deliveries).where(chosen).values(changes))
            if outcome == DEAD:
                transaction.record(_event(self.channel.name, row, changes["problem"], now))
        observe.event("notice", channel=self.channel.name, outcome=outcome)

    def _changes(
        self, row: sa.Row[Any], error: ChannelError | None, now: datetime
    ) -> tuple[dict[str, Any], str]:
        attempts = row.attempts + 1
        if error is None:
            return {"state": SENT, "attempts": attempts, "ended_at": now, "problem": None}, SENT
        problem = error.message[:_MOST_PROBLEM]
        changes: dict[str, Any] = {"attempts": attempts, "problem": problem}
        wait = timedelta(seconds=max(wait_after(attempts), error.retry_after or 0.0))
        if error.for_good or attempts >= MOST_TRIES:
            whom = row.recipient or "everyone"
            _log.warning("a notice is given up: %s to %s: %s", self.channel.name, whom, problem)
            return {**changes, "state": DEAD, "ended_at": now}, DEAD
        return {**changes, "next_at": now + wait}, "failed"

    def _is_away(self, error: ChannelError | None) -> None:
        """Say once that the channel is away, and that it works again."""
        why = None if error is None else error.message
        if why is not None and why != self._trouble:
            _log.warning("notices wait: %s: %s", self.channel.name, why)
        if why is None and self._trouble is not None:
            _log.warning("notices are sent again: %s", self.channel.name)
        self._trouble = why


def _event(channel: str, row: sa.Row[Any], problem: str, now: datetime) -> AuditEvent:
    return AuditEvent.make(
        time=now,
        actor=caller.SYSTEM,
        action="notice.fail",
        outcome="failed",
        target=row.request_id,
        reason=problem,
        details={"kind": row.kind, "channel": channel, "recipient": row.recipient},
    )
