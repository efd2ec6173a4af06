"""The index of the archive: which chunks may hold what is looked for, and in which order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.archive.facts import MORE, NAMED
from pgward.ca.store import Store
from pgward.ca.store.schema_archive import audit_chunk_names, audit_chunks

BATCH: Final = 200
_COLUMNS = audit_chunks.c

Chunk = Mapping[str, Any]
"""A row of ``audit_chunks``."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: every field that is not None must match.

    Times are from ``since`` on, and before ``until``. The index knows which chunks may hold some.
    """

    since: datetime | None = None
    until: datetime | None = None
    edge: str | None = None
    user: str | None = None
    service: str | None = None
    session: str | None = None
    type: str | None = None
    status: str | None = None

    def named(self) -> dict[str, str]:
        """Return the fields by whose values chunks are found."""
        values = {name: getattr(self, name) for name in NAMED}
        return {name: value for name, value in values.items() if value is not None}

    def clauses(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions of a WHERE clause over ``audit_chunks``."""
        clauses = [_COLUMNS.purged_at.is_(None), *(_names(*each) for each in self.named().items())]
        if self.edge is not None:
            clauses.append(_COLUMNS.edge == self.edge)
        if self.since is not None:
            clauses.append(_COLUMNS.last_time >= self.since)
        if self.until is not None:
            clauses.append(_COLUMNS.first_time < self.until)
        return clauses


def by_time(
    store: Store, wanted: Wanted, *, newest: bool, place: datetime | None
) -> Iterator[Chunk]:
    """Yield chunks, those that end last first, or those that begin first first.

    Only such as have records of ``place`` or beyond it. Nothing is held open between them.
    """
    column = _COLUMNS.last_time if newest else _COLUMNS.first_time
    clauses = wanted.clauses()
    if place is not None:
        clauses.append(_COLUMNS.first_time <= place if newest else _COLUMNS.last_time >= place)
    order = (column.desc(), _COLUMNS.arrival.desc()) if newest else (column, _COLUMNS.arrival)
    statement = sa.select(audit_chunks).order_by(*order).limit(BATCH)
    beyond: list[sa.ColumnElement[bool]] = []
    while True:
        with store.read() as connection:
            rows = _rows(connection, statement.where(*clauses, *beyond))
        yield from rows
        if len(rows) < BATCH:
            return
        beyond = [_behind(column, rows[-1], newest=newest)]


def by_arrival(
    connection: Connection, wanted: Wanted, *, after: int, most: int, chain: str | None = None
) -> Sequence[Chunk]:
    """Return the chunks that came in after an arrival, in their order."""
    statement = sa.select(audit_chunks).where(*wanted.clauses(), _COLUMNS.arrival > after)
    if chain is not None:
        statement = statement.where(_COLUMNS.chain == chain)
    return _rows(connection, statement.order_by(_COLUMNS.arrival).limit(most))


def of_chain(
    connection: Connection, edge: str, chain: str, *, first_seq: int = 0, most: int = BATCH
) -> Sequence[Chunk]:
    """Return a chain's chunks from a line on, in their order."""
    statement = sa.select(audit_chunks).where(
        _COLUMNS.edge == edge,
        _COLUMNS.chain == chain,
        _COLUMNS.first_seq >= first_seq,
        _COLUMNS.purged_at.is_(None),
    )
    return _rows(connection, statement.order_by(_COLUMNS.first_seq).limit(most))


def find(connection: Connection, edge: str, chain: str, first_seq: int) -> Chunk | None:
    """Return the chunk that begins with a line, or None."""
    rows = of_chain(connection, edge, chain, first_seq=first_seq, most=1)
    return rows[0] if rows and rows[0]["first_seq"] == first_seq else None


def last_arrival(connection: Connection) -> int:
    """Return the number of the chunk that came in last; 0 before the first."""
    return int(connection.execute(sa.select(sa.func.max(_COLUMNS.arrival))).scalar() or 0)


def _rows(connection: Connection, statement: sa.Select[Any]) -> list[Chunk]:
    return [dict(row) for row in connection.execute(statement).mappings()]


def _names(kind: str, name: str) -> sa.ColumnElement[bool]:
    columns = audit_chunk_names.c
    listed = sa.select(columns.arrival).where(columns.kind == kind, columns.name.in_((name, MORE)))
    return _COLUMNS.arrival.in_(listed)


def _behind(column: sa.Column[datetime], row: Chunk, *, newest: bool) -> sa.ColumnElement[bool]:
    moment, arrival = row[column.name], row["arrival"]
    same = column == moment
    if newest:
        return sa.or_(column < moment, sa.and_(same, _COLUMNS.arrival < arrival))
    return sa.or_(column > moment, sa.and_(same, _COLUMNS.arrival > arrival))
