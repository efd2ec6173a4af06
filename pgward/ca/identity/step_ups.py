"""Step-ups: fresh second factors, each good for one person and service until it ends.

A proof belongs to the login session in which it was given, and goes with it. A later one of
the same person for the same service takes its place.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store import Transaction
from pgward.ca.store.schema import login_sessions, users
from pgward.ca.store.schema_login import step_ups


@dataclass(frozen=True, slots=True)
class StepUp:
    """A proof; it never outlives its login session."""

    user: str
    service: str
    session_id: str
    factor: str
    proved_at: datetime
    expires_at: datetime

    def until(
        self, minutes: int, factors: Collection[str], *, since: datetime, now: datetime
    ) -> datetime | None:
        """Return until when it counts by a service's rule of today; None if it does not.

        ``since`` is when the service was made: another one of the same name is another service.
        """
        end = min(self.expires_at, self.proved_at + timedelta(minutes=minutes))
        counts = self.factor in factors and self.proved_at >= since and end > now
        return end if counts else None


def keep(transaction: Transaction, proof: StepUp) -> None:
    """Store a proof, and have edges hear of it; what ended of this person's goes."""
    columns = step_ups.c
    replaced = sa.or_(columns.service == proof.service, columns.expires_at <= proof.proved_at)
    transaction.execute(sa.delete(step_ups).where(columns.user_name == proof.user, replaced))
    row = {
        "user_name": proof.user,
        "service": proof.service,
        "session_id": proof.session_id,
        "factor": proof.factor,
        "proved_at": proof.proved_at,
        "expires_at": proof.expires_at,
    }
    transaction.execute(sa.insert(step_ups).values(row))
    transaction.changed()


def remove(transaction: Transaction, session_ids: Sequence[str]) -> None:
    """Remove what was proved in login sessions that have ended, and have edges hear of it."""
    if not session_ids:
        return
    statement = sa.delete(step_ups).where(step_ups.c.session_id.in_(session_ids))
    if transaction.execute(statement).rowcount:
        transaction.changed()


def forget(transaction: Transaction, user: str, factors: Collection[str]) -> None:
    """Remove what a person proved with factors that are gone, and have edges hear of it."""
    columns = step_ups.c
    chosen = (columns.user_name == user) & columns.factor.in_(factors)
    if transaction.execute(sa.delete(step_ups).where(chosen)).rowcount:
        transaction.changed()


def live(connection: Connection, now: datetime, *, user: str | None = None) -> list[StepUp]:
    """Return the proofs, everybody's or one person's, whose login session lives."""
    sessions, columns = login_sessions.c, step_ups.c
    statement = (
        sa.select(step_ups, sessions.expires_at.label("session_ends_at"))
        .join(login_sessions, sessions.id == columns.session_id)
        .join(users, users.c.name == columns.user_name)
        .where(
            columns.expires_at > now,
            sessions.user_name == columns.user_name,
            sessions.ended_at.is_(None),
            sessions.expires_at > now,
            users.c.blocked_at.is_(None),
        )
        .order_by(columns.user_name, columns.service)
    )
    if user is not None:
        statement = statement.where(columns.user_name == user)
    return [_step_up(row) for row in connection.execute(statement)]


def _step_up(row: sa.Row[Any]) -> StepUp:
    return StepUp(
        user=row.user_name,
        service=row.service,
        session_id=row.session_id,
        factor=row.factor,
        proved_at=row.proved_at,
        expires_at=min(row.expires_at, row.session_ends_at),  # a session may have been shortened
    )
