"""Copying all rows of a store into another, which may be of the other kind."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError

from pgward.ca.store import rows, tables
from pgward.ca.store.rows import Tally
from pgward.ca.store.schema_store import store_marks
from pgward.core.errors import PgwardError


class DifferentError(PgwardError):
    """A copy is not what it should be; it was not put to use."""


def copied_tables(connection: Connection) -> list[sa.Table]:
    """Return every table whose rows belong to the CA: all but the marks of this one database."""
    return [table for table in tables.of(connection) if table is not store_marks]


def copy(source: Connection, target: Connection) -> dict[str, Tally]:
    """Replace the target's rows with the source's, inside the caller's transactions.

    Returns what the source has. Raises DifferentError when the target reads back otherwise.
    """
    wanted = copied_tables(source)
    empty(target)
    found = {table.name: _copy(source, target, table) for table in wanted}
    set_sequences(target, wanted)
    check(target, found)
    return found


def empty(target: Connection) -> None:
    """Remove all rows that belong to the CA."""
    for table in reversed(copied_tables(target)):
        target.execute(sa.delete(table))


def tallies(connection: Connection) -> dict[str, Tally]:
    """Count and hash every table."""
    return {table.name: rows.tally(connection, table) for table in copied_tables(connection)}


def check(target: Connection, wanted: Mapping[str, Tally]) -> None:
    """Raise DifferentError unless every table has these rows and no others."""
    found = tallies(target)
    for name in sorted(wanted.keys() | found.keys()):
        have, want = found.get(name, Tally()), wanted.get(name, Tally())
        if have != want:
            raise DifferentError(
                f"the copy of {name} differs: {have.rows} rows, hash {have.hexdigest[:16]},"
                f" not {want.rows} rows, hash {want.hexdigest[:16]}",
                hint="the copy was not put to use; the source is as it was",
            )


def set_sequences(target: Connection, wanted: list[sa.Table]) -> None:
    """Let generated keys of PostgreSQL go on after the highest that was copied."""
    if target.dialect.name != "postgresql":
        return
    for table in wanted:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        highest = sa.select(sa.func.max(column)).scalar_subquery()
        target.execute(sa.select(sa.func.setval(sequence, highest)).where(sequence.is_not(None)))


def _copy(source: Connection, target: Connection, table: sa.Table) -> Tally:
    made = Tally()
    for batch in rows.batches(source, table):
        for row in batch:
            made.add(rows.line(table, row))
        try:
            target.execute(sa.insert(table), [dict(row) for row in batch])
        except DataError as error:
            raise DifferentError(
                f"the database cannot keep a row of {table.name} as it is",
                hint="nothing was changed; PostgreSQL refuses text with a NUL, for one",
            ) from error
    return made
