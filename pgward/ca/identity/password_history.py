"""Hashes of passwords that people had before, where a rule wants none of them used again.

Only so many are kept as the rule of their owner asks for, none without one.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import password_history

_columns = password_history.c


def former(connection: Connection, user: str, most: int) -> list[str]:
    """Return the hashes of the passwords before the present one, the newest first."""
    statement = (
        sa.select(_columns.password_hash)
        .where(_columns.user_name == user)
        .order_by(_columns.number.desc())
        .limit(most)
    )
    return list(connection.execute(statement).scalars())


def remember(transaction: Transaction, user: str, encoded: str | None, most: int) -> None:
    """Add the hash that is about to be replaced, and forget all but the newest ``most``."""
    mine = _columns.user_name == user
    last = transaction.execute(sa.select(sa.func.max(_columns.number)).where(mine)).scalar() or 0
    if encoded is not None and most:
        last += 1
        row = {"user_name": user, "number": last, "password_hash": encoded}
        transaction.execute(sa.insert(password_history).values(row))
    transaction.execute(sa.delete(password_history).where(mine, _columns.number <= last - most))
