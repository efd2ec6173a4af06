"""What the log says to people: entries with their bytes, and where a certificate stands in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.records import PEOPLES
from pgward.ca.store import log_entries
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_log import log_leaves
from pgward.pki.log_entry import EntryType

_COLUMNS = [column for column in certificates.c if column.name not in ("serial", "log_index")]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf; ``encoded`` is None when its certificate was purged, or is gone."""

    log_index: int
    type: int
    serial: str
    hash: bytes
    encoded: bytes | None


def leaves(connection: Connection, start: int, end: int) -> list[Leaf]:
    """Return the leaves from start to before end, in their order."""
    statement = _leaves().where(log_leaves.c.log_index >= start, log_leaves.c.log_index < end)
    return [_leaf(row) for row in connection.execute(statement).mappings()]


def of_person(connection: Connection, user: str, start: int, end: int, limit: int) -> list[Leaf]:
    """Return the leaves of a person's own login certificates, in their order."""
    columns = certificates.c
    own = (
        sa.select(columns.log_index)
        .where(
            columns.kind.in_(PEOPLES),
            columns.subject == user,
            columns.log_index >= start,
            columns.log_index < end,
        )
        .order_by(columns.log_index)
        .limit(limit)
    )
    return at(connection, connection.execute(own).scalars().all())


def at(connection: Connection, indexes: Sequence[int]) -> list[Leaf]:
    """Return the leaves with these indexes, in their order."""
    statement = _leaves().where(log_leaves.c.log_index.in_(indexes))
    return [_leaf(row) for row in connection.execute(statement).mappings()]


def _leaves() -> sa.Select[tuple[int]]:
    joined = log_leaves.outerjoin(certificates, certificates.c.log_index == log_leaves.c.log_index)
    return sa.select(*log_leaves.c, *_COLUMNS).select_from(joined).order_by(log_leaves.c.log_index)


def _leaf(row: sa.RowMapping) -> Leaf:
    encoded = row["body"]
    if row["type"] == EntryType.CERTIFICATE and row["der"] is not None:
        encoded = log_entries.certificate(row, row["der"]).encoded
    return Leaf(row["log_index"], row["type"], row["serial"], row["hash"], encoded)
