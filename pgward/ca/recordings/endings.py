"""Database sessions that somebody wants to end: their edges hear of it with the snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.schema_archive import database_sessions
from pgward.ca.store.schema_recordings import session_endings
from pgward.ca.store.transaction import Transaction
from pgward.core.errors import ConflictError

TOLD_FOR = timedelta(days=1)
"""So long edges are told; one that was away longer has ended its sessions by its own limits."""

_COLUMNS = session_endings.c


@dataclass(frozen=True, slots=True)
class Ending:
    """A session, as its edge knows it, and why it is to end."""

    edge: str
    session: str
    reason: str
    forced: bool


def ask(
    transaction: Transaction, found: dict[str, Any], ending: Ending, *, now: datetime, by: str
) -> None:
    """Put a wish on the list; a later one for the same session replaces it.

    Raises ConflictError for a session that has ended.
    """
    if found["ended_at"] is not None:
        raise ConflictError("that session has ended", hint="pgward sessions ls --open")
    mine = (_COLUMNS.edge == ending.edge, _COLUMNS.session == ending.session)
    transaction.execute(sa.delete(session_endings).where(*mine))
    transaction.execute(sa.delete(session_endings).where(_COLUMNS.asked_at < now - TOLD_FOR))
    row = {
        "edge": ending.edge,
        "session": ending.session,
        "reason": ending.reason,
        "forced": ending.forced,
        "asked_by": by,
        "asked_at": now,
    }
    transaction.execute(sa.insert(session_endings).values(row))
    transaction.changed()


def current(connection: Connection, now: datetime) -> Sequence[Ending]:
    """Return what edges must be told: sessions of which nobody knows that they have ended."""
    sessions = database_sessions.c
    ended = sa.exists().where(
        sessions.edge == _COLUMNS.edge,
        sessions.id == _COLUMNS.session,
        sessions.ended_at.is_not(None),
    )
    wanted = sa.select(session_endings).where(_COLUMNS.asked_at >= now - TOLD_FOR, ~ended)
    rows = connection.execute(wanted.order_by(_COLUMNS.asked_at, _COLUMNS.session)).mappings()
    return [Ending(row["edge"], row["session"], row["reason"], row["forced"]) for row in rows]
