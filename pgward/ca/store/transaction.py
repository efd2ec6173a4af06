"""One writing transaction: the changes, and the audit events that go with them."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.audit.events import AuditEvent
from pgward.ca.store import postgresql
from pgward.ca.store.schema import audit_events, counters
from pgward.ca.store.schema_rechecks import access_rechecks

SNAPSHOT = "snapshot"
AUDIT = "audit"
ENDINGS = "endings"
GRANTS = "grants"
OWN_SOURCE = "ca"
_RESTED_ON = frozenset({"user", "Service", "Integration", "RoleBundle", "AccessFlow"})


class Transaction:
    """A connection that is the only writer, until it commits.

    Audit events are kept until the end, so that they commit with the act or not at all.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.has_changed = False
        self._has_more = False
        self.has_ended = False
        self.is_discarded = False
        self._events: list[tuple[str, AuditEvent]] = []
        self._touched: set[tuple[str, str]] = set()

    def execute(self, statement: sa.Executable, rows: Any = None) -> sa.CursorResult[Any]:
        """Run a statement, for each of ``rows`` if given."""
        return self.connection.execute(statement, rows)

    def record(self, *events: AuditEvent, source: str = OWN_SOURCE) -> None:
        """Append events to the audit log when this transaction commits."""
        self._events += [(source, event) for event in events]

    def changed(self) -> None:
        """Say that something changed which edges must know: their snapshot gets a new version."""
        self.has_changed = self._has_more = True

    def granted(self) -> None:
        """Say that grants changed: the version is another, and all but grants is as before.

        A grant tells by its ``revision`` that it changed.
        """
        self.has_changed = True

    def ended(self) -> None:
        """Say that login sessions were ended: PostgreSQL hosts look at whose sessions still run."""
        self.changed()
        self.has_ended = True

    def touch(self, kind: str, name: str) -> None:
        """Say that access may rest on what was changed: ``user``, or a kind of resource."""
        if kind in _RESTED_ON:
            self._touched.add((kind, name))

    def discard(self) -> None:
        """Roll back at the end instead: for a dry run."""
        self.is_discarded = True

    def finish(self) -> None:
        """Write what was kept for the end; call it once, just before the commit."""
        if self.has_changed:
            self._new_version()
        if self.has_ended:
            advance(self.connection, ENDINGS)
        for kind, name in sorted(self._touched):
            self._recheck(kind, name)
        if self._events:
            last = advance(self.connection, AUDIT, len(self._events))
            first = last - len(self._events) + 1
            self.execute(_RECORD, _rows(self._events, first))

    def _new_version(self) -> None:
        before = 0 if self._has_more else counter(self.connection, SNAPSHOT)
        advance_version(self.connection, int(time.time()))
        if not self._has_more:
            # A process that knows nothing of this changes the version alone, as if all changed.
            advance(self.connection, GRANTS, counter(self.connection, SNAPSHOT) - before)

    def _recheck(self, kind: str, name: str) -> None:
        """Note whose grants are to be looked at again."""
        mine = (access_rechecks.c.kind == kind) & (access_rechecks.c.name == name)
        mark = time.time_ns()
        if not self.execute(sa.update(access_rechecks).where(mine).values(mark=mark)).rowcount:
            row = {"kind": kind, "name": name, "mark": mark}
            self.execute(sa.insert(access_rechecks).values(row))


# Every act needs these, and SQLAlchemy takes longer to build a statement than to run it.
_RECORD = sa.insert(audit_events)
_ADVANCE = (
    sa.update(counters)
    .where(counters.c.name == sa.bindparam("counter"))
    .values(value=counters.c.value + sa.bindparam("by"))
    .returning(counters.c.value)
)


def advance(connection: Connection, name: str, by: int = 1) -> int:
    """Add to a counter and return its new value.

    The one writer does this, so numbers become visible in order and without gaps.
    """
    return int(connection.execute(_ADVANCE, {"counter": name, "by": by}).scalar_one())


def advance_version(connection: Connection, floor: int) -> None:
    """Raise the snapshot version by one, and at least to ``floor``.

    With the time as floor, a store restored from a backup still overtakes its edges.
    """
    value = counters.c.value
    new = sa.case((value + 1 < floor, floor), else_=value + 1)
    connection.execute(sa.update(counters).where(counters.c.name == SNAPSHOT).values(value=new))
    if connection.dialect.name == "postgresql":  # the other replicas hear of it at the commit
        connection.execute(sa.select(sa.func.pg_notify(postgresql.CHANGES, "")))


def counter(connection: Connection, name: str) -> int:
    """Return a counter's value."""
    statement = sa.select(counters.c.value).where(counters.c.name == name)
    return int(connection.execute(statement).scalar_one())


def versions(connection: Connection) -> tuple[int, int]:
    """Return the snapshot version, and a number that grows when more than grants changes."""
    wanted = sa.select(counters.c.name, counters.c.value)
    found = dict(connection.execute(wanted.where(counters.c.name.in_((SNAPSHOT, GRANTS)))).all())
    return int(found[SNAPSHOT]), int(found[SNAPSHOT] - found.get(GRANTS, 0))


def _rows(events: Sequence[tuple[str, AuditEvent]], first: int) -> list[dict[str, Any]]:
    return [
        {
            "seq": seq,
            "id": event.id,
            "time": _utc(event.time),
            "source": source,
            "actor": event.actor,
            "action": event.action,
            "outcome": event.outcome,
            "target": event.target,
            "reason": event.reason,
            "client": event.client,
            "details": dict(event.details),
        }
        for seq, (source, event) in enumerate(events, first)
    ]


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
