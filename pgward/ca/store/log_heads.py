"""Signed tree heads in the store: every one that was ever signed is kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.schema_log import log_heads
from pgward.ca.store.transaction import Transaction
from pgward.pki.tree_head import TreeHead


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head as it was signed; numbers count from 1 without a gap."""

    number: int
    head: TreeHead
    jws: str


def newest(connection: Connection) -> SignedHead | None:
    """Return the head signed last."""
    return _one(connection, sa.select(log_heads).order_by(log_heads.c.number.desc()))


def at_size(connection: Connection, size: int) -> SignedHead | None:
    """Return the first head of this size; None when none was signed."""
    statement = sa.select(log_heads).where(log_heads.c.size == size).order_by(log_heads.c.number)
    return _one(connection, statement)


def every(connection: Connection) -> Iterator[SignedHead]:
    """Yield all heads in the order of their signing."""
    for row in connection.execute(sa.select(log_heads).order_by(log_heads.c.number)):
        yield _head(row)


def save(transaction: Transaction, head: TreeHead, jws: str, number: int) -> SignedHead:
    """Keep a head that was just signed."""
    row = {
        "number": number,
        "size": head.size,
        "root": head.root,
        "signed_at": head.time,
        "log_id": head.log_id,
        "jws": jws,
    }
    transaction.execute(sa.insert(log_heads).values(row))
    return SignedHead(number, head, jws)


def _one(connection: Connection, statement: sa.Select[tuple[int]]) -> SignedHead | None:
    row = connection.execute(statement.limit(1)).one_or_none()
    return None if row is None else _head(row)


def _head(row: sa.Row[tuple[int]]) -> SignedHead:
    head = TreeHead(row.log_id, row.size, row.root, row.signed_at)
    return SignedHead(row.number, head, row.jws)
