"""Removing what has no use any more, a little at a time.

Audit events and certificates are never removed: they are what the authority answers for.
Of login sessions and join tokens the audit log tells who, when, from where and until when,
so the rows themselves may go some days after their end.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import sqlalchemy as sa

from pgward.ca.store.database import Store
from pgward.ca.store.schema import join_tokens, login_sessions
from pgward.ca.store.schema_login import device_tokens, used_flows
from pgward.ca.store.transaction import Transaction

# Longer than a clock is likely to be wrong, and time to look into what has just happened.
KEPT = timedelta(days=7)
# Some milliseconds of the one writer's time.
BATCH = 500

Write = Callable[[], AbstractContextManager[Transaction]]
_KEYS = (
    *(login_sessions.c.id, join_tokens.c.secret_hash),
    *(device_tokens.c.secret_hash, used_flows.c.id),
)


def purge(store: Store, now: datetime, *, batch: int = BATCH, write: Write | None = None) -> int:
    """Remove up to ``batch`` rows of each kind that ended long ago; return how many.

    Call it again and again: it takes the writer's lock only when there is something to remove.
    ``write`` opens the writing transaction in the place of ``store.write``.
    """
    return sum(_purge(store, key, now - KEPT, batch, write or store.write) for key in _KEYS)


def _purge(
    store: Store,
    key: sa.Column[str] | sa.Column[bytes],
    before: datetime,
    most: int,
    write: Write,
) -> int:
    table = key.table
    old = sa.select(key).where(table.c.expires_at < before).limit(most)
    with store.read() as connection:
        if connection.execute(old.limit(1)).first() is None:
            return 0
    with write() as transaction:
        return transaction.execute(sa.delete(table).where(key.in_(old))).rowcount
