"""Login tokens that were used from another device than theirs: refused, and told to their owner."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.schema import audit_events
from pgward.core.clock import rfc3339

ACTION = "session.stolen"
_TOLD_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Stolen:
    """How often that happened lately, and the last time."""

    count: int
    last_at: datetime
    last_client: str | None

    @property
    def told(self) -> str:
        """What the owner is told."""
        times = "once" if self.count == 1 else f"{self.count} times"
        where = f" from {self.last_client}" if self.last_client else ""
        return (
            f"your login token was used on another device, and refused, {times} in the last week,"
            f" the last time at {rfc3339(self.last_at)}{where}: if that was not you, somebody"
            " copied it; pgward logins end --others, and change your password"
        )


def find(connection: Connection, user: str, now: datetime) -> Stolen | None:
    """Return what is to be told to a person; None when nothing is."""
    columns = audit_events.c
    mine = (columns.action == ACTION, columns.actor == user, columns.time > now - _TOLD_FOR)
    counting = sa.select(sa.func.count()).select_from(audit_events).where(*mine)
    count = connection.execute(counting).scalar_one()
    if not count:
        return None
    newest = sa.select(columns.time, columns.client).where(*mine).order_by(columns.seq.desc())
    last = connection.execute(newest.limit(1)).one()
    return Stolen(count, last.time, last.client)
