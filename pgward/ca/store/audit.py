"""Reading the audit log, and adding events that others made."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.audit.events import AuditEvent
from pgward.ca.store.schema import audit_events
from pgward.ca.store.transaction import Transaction

_CHUNK = 500


def events(
    connection: Connection,
    *,
    after: int | None = None,
    limit: int = 100,
    action: str | None = None,
    actor: str | None = None,
) -> list[dict[str, Any]]:
    """Return events as JSON with ``seq`` and ``source``, oldest first.

    Those after a seq, or without one the newest. ``action`` may end in ``*``.
    """
    columns = audit_events.c
    statement = sa.select(audit_events).limit(limit)
    statement = statement.order_by(columns.seq if after is not None else columns.seq.desc())
    if after is not None:
        statement = statement.where(columns.seq > after)
    if action is not None:
        statement = statement.where(_action(action))
    if actor is not None:
        statement = statement.where(columns.actor == actor)
    found = [as_json(row) for row in connection.execute(statement).mappings()]
    return sorted(found, key=lambda event: int(event["seq"]))


def add_new(transaction: Transaction, found: Sequence[AuditEvent], *, source: str) -> int:
    """Record the events whose ids are not stored yet; return how many."""
    by_id = {event.id: event for event in found}
    for known in _known(transaction.connection, list(by_id)):
        del by_id[known]
    transaction.record(*by_id.values(), source=source)
    return len(by_id)


def _known(connection: Connection, ids: Sequence[str]) -> list[str]:
    column = audit_events.c.id
    known: list[str] = []
    for start in range(0, len(ids), _CHUNK):
        statement = sa.select(column).where(column.in_(ids[start : start + _CHUNK]))
        known += connection.execute(statement).scalars()
    return known


def _action(action: str) -> sa.ColumnElement[bool]:
    if action.endswith("*"):
        return audit_events.c.action.startswith(action[:-1], autoescape=True)
    return audit_events.c.action == action


def as_json(row: sa.RowMapping) -> dict[str, Any]:
    """Return an event as JSON, with ``seq`` and ``source``."""
    values = {name: row[name] for name in row if name not in ("seq", "source")}
    event = AuditEvent(**values)
    return {"seq": row["seq"], "source": row["source"], **event.to_json()}
