"""Database sessions: one row each, kept up from the records that come in."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from pgward.ca.archive.facts import SessionFacts
from pgward.ca.store.schema_archive import database_sessions
from pgward.ca.store.schema_recordings import recording_pieces
from pgward.ca.store.transaction import Transaction
from pgward.core.clock import parse_rfc3339, precise_rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError

_TABLE = database_sessions
_COLUMNS = _TABLE.c
_MOST = 1 << 62  # what a count of the store goes to
_ABOUT = {
    "user": "user_name",
    "service": "service",
    "database": "database_name",
    "role": "role_name",
    "client": "client",
    "application": "application",
}
_PIECES = recording_pieces.c
_IS_RECORDED = sa.exists().where(_PIECES.edge == _COLUMNS.edge, _PIECES.session == _COLUMNS.id)
_SHOWN = sa.select(_TABLE, _IS_RECORDED.label("recorded"))
_COUNTS = {
    "statements": "statements",
    "errors": "errors",
    "denied": "denied",
    "rows": "row_count",
    "bytes": "byte_count",
}
_LATELY = ("statements", "rows", "bytes")
SPAN = 15
"""Seconds that are counted together, to tell how much comes in a second."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose sessions: a person's since there is that person, and not who had the name before."""

    name: str
    since: datetime

    def clauses(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions of a WHERE clause."""
        return [_COLUMNS.user_name == self.name, _COLUMNS.started_at >= self.since]


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions: every field that is not None must match.

    ``errors`` and ``denied`` tell whether there were any; ``about`` stands in one of the names.
    """

    user: str | None = None
    service: str | None = None
    edge: str | None = None
    database: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    open: bool | None = None
    recorded: bool | None = None
    status: str | None = None
    errors: bool | None = None
    denied: bool | None = None
    about: str | None = None
    owner: Owner | None = None

    def clauses(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions of a WHERE clause."""
        equal = {
            _COLUMNS.user_name: self.user,
            _COLUMNS.service: self.service,
            _COLUMNS.edge: self.edge,
            _COLUMNS.database_name: self.database,
            _COLUMNS.status: self.status,
        }
        clauses = [column == value for column, value in equal.items() if value is not None]
        if self.owner is not None:
            clauses += self.owner.clauses()
        if self.since is not None:
            clauses.append(_COLUMNS.started_at >= self.since)
        if self.until is not None:
            clauses.append(_COLUMNS.started_at < self.until)
        if self.open is not None:
            is_open = _COLUMNS.ended_at.is_(None)  # in the words of the index of those that run
            clauses.append(is_open if self.open else ~is_open)
        if self.recorded is not None:
            clauses.append(_IS_RECORDED if self.recorded else ~_IS_RECORDED)
        for count, wanted in ((_COLUMNS.errors, self.errors), (_COLUMNS.denied, self.denied)):
            if wanted is not None:
                clauses.append((count > 0) == wanted)
        if self.about is not None:
            names = (_COLUMNS.id, _COLUMNS.edge, *(_COLUMNS[name] for name in _ABOUT.values()))
            clauses.append(sa.or_(*(each.icontains(self.about, autoescape=True) for each in names)))
        return clauses


@dataclass(frozen=True, slots=True)
class Lately:
    """Statements, rows and bytes that came in a span of time, by its number, and in that before."""

    span: int
    counts: tuple[int, ...] = (0, 0, 0)
    before: tuple[int, ...] = (0, 0, 0)

    def rates(self, started: datetime, now: datetime) -> list[float]:
        """Return how many of each there are in a second, over the last 15 to 30 seconds."""
        moment = now.timestamp()
        span = int(moment) // SPAN
        passed = moment - span * SPAN
        if self.span == span:
            counts = [sum(each) for each in zip(self.counts, self.before, strict=True)]
        else:
            counts = list(self.counts) if self.span == span - 1 else [0 for _ in self.counts]
        seconds = min(SPAN + passed, max(1.0, moment - started.timestamp()))
        return [count / seconds for count in counts]


def take(
    transaction: Transaction, edge: str, found: Mapping[str, SessionFacts], now: datetime
) -> None:
    """Add what new records say of sessions; call it once for each record, in their order."""
    rows = [_row(edge, session, now) for session in found.values()]
    if rows:
        transaction.execute(_UPSERT[transaction.connection.dialect.name], rows)


def find(
    connection: Connection, wanted: SessionFilter, *, limit: int = 100, before: str | None = None
) -> list[dict[str, Any]]:
    """Return sessions, those that began last first; ``before`` is the ``place`` of the last one.

    Raises InvalidInputError for a place that is none.
    """
    order = (_COLUMNS.started_at.desc(), _COLUMNS.edge.desc(), _COLUMNS.id.desc())
    statement = _SHOWN.where(*wanted.clauses()).order_by(*order).limit(limit)
    if before is not None:
        place = sa.tuple_(_COLUMNS.started_at, _COLUMNS.edge, _COLUMNS.id)
        columns = (_COLUMNS.started_at, _COLUMNS.edge, _COLUMNS.id)
        values = [
            sa.bindparam(None, value, type_=column.type)
            for column, value in zip(columns, _read_place(before), strict=True)
        ]
        statement = statement.where(place < sa.tuple_(*values))
    return [_json(row) for row in connection.execute(statement).mappings()]


def running(connection: Connection) -> dict[str, int]:
    """Return how many sessions run through each edge, by the last that it told."""
    # Grouped by the database, SQLite reads all that ever were: it prefers the key for the groups.
    statement = sa.select(_COLUMNS.edge).where(_COLUMNS.ended_at.is_(None))
    return dict(Counter(connection.execute(statement).scalars()))


def get(
    connection: Connection, session: str, edge: str | None = None, owner: Owner | None = None
) -> dict[str, Any]:
    """Return a session by its id; raise NotFoundError, also when edges share it.

    With ``owner``, another's session is none.
    """
    clauses = [_COLUMNS.id == session]
    if edge is not None:
        clauses.append(_COLUMNS.edge == edge)
    if owner is not None:
        clauses += owner.clauses()
    rows = connection.execute(_SHOWN.where(*clauses).limit(2)).mappings().all()
    if not rows:
        raise NotFoundError(f"there is no database session {session!r}", hint="pgward sessions ls")
    if len(rows) > 1:
        raise NotFoundError(f"several edges have a session {session!r}", hint="name the edge")
    return _json(rows[0])


def place(session: Mapping[str, Any]) -> str:
    """Return where a session stands in the list: what ``find`` takes as ``before``."""
    return f"{session['started_at']},{session['edge']},{session['id']}"


def _read_place(text: str) -> tuple[datetime, str, str]:
    time, _, rest = text.partition(",")
    edge, comma, session = rest.partition(",")
    try:
        moment = parse_rfc3339(time)
    except (ValueError, OverflowError):
        comma = ""
    if not comma:
        raise InvalidInputError("that cursor is none of ours")
    return moment, edge, session


def _row(edge: str, session: SessionFacts, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {column: session.about.get(name) for name, column in _ABOUT.items()}
    row |= {column: getattr(session, name) for name, column in _COUNTS.items()}
    return row | {
        "edge": edge,
        "id": session.id,
        "started_at": session.started or session.first_time,
        "ended_at": session.ended,
        "status": session.status,
        "sqlstate": session.sqlstate,
        "end_reason": session.end_reason,
        "received_at": now,
        "span": int(now.timestamp()) // SPAN,
        **{f"span_{name}": getattr(session, name) for name in _LATELY},
    }


def _upsert(insert: Callable[[sa.Table], Any]) -> sa.Executable:
    """Return the statement: counts are added up, and an end stays what it was."""
    new = insert(_TABLE)
    added = {name: _sum(_COLUMNS[name], new.excluded[name]) for name in _COUNTS.values()}
    ended = {
        name: sa.func.coalesce(_COLUMNS[name], new.excluded[name])
        for name in ("ended_at", "status", "sqlstate", "end_reason")
    }
    received = {"received_at": new.excluded.received_at}
    changed = new.on_conflict_do_update(
        index_elements=["edge", "id"], set_={**added, **ended, **received, **_lately(new.excluded)}
    )
    return cast("sa.Executable", changed)


def _lately(excluded: Any) -> dict[str, Any]:
    """Return what becomes of the counts of the last two spans."""
    same, following = _COLUMNS.span == excluded.span, _COLUMNS.span == excluded.span - 1
    changed: dict[str, Any] = {"span": excluded.span}
    for name in _LATELY:
        here, more = _COLUMNS[f"span_{name}"], excluded[f"span_{name}"]
        before = _COLUMNS[f"before_{name}"]
        changed[here.name] = sa.case((same, _sum(here, more)), else_=more)
        changed[before.name] = sa.case((same, before), (following, here), else_=0)
    return changed


def _sum(column: sa.Column[int], more: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Return a count with what is added; a server that lies does not make it overflow."""
    return sa.case((column > _MOST, column), else_=column + more)


_UPSERT = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}


def _json(row: sa.RowMapping) -> dict[str, Any]:
    found = {name: row[column] for name, column in _ABOUT.items()}
    return {
        "id": row["id"],
        "edge": row["edge"],
        **found,
        "started_at": precise_rfc3339(row["started_at"]),
        "ended_at": row["ended_at"] and precise_rfc3339(row["ended_at"]),
        "status": row["status"],
        "sqlstate": row["sqlstate"],
        "end_reason": row["end_reason"],
        "statements": row["statements"],
        "errors": row["errors"],
        "denied": row["denied"],
        "rows": row["row_count"],
        "bytes": row["byte_count"],
        "active_at": row["received_at"],
        "lately": Lately(
            row["span"],
            tuple(row[f"span_{name}"] for name in _LATELY),
            tuple(row[f"before_{name}"] for name in _LATELY),
        ),
        "recorded": bool(row["recorded"]),
    }
