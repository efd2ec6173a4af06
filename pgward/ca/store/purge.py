"""Removing what has no use any more, a little at a time.

Audit events and certificates are never removed: they are what the authority answers for.
Of login sessions, tokens, step-ups and devices that nobody let in the audit log tells who,
when and from where, so the rows themselves may go some days after their end.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import sqlalchemy as sa

from pgward.ca.store.database import Store
from pgward.ca.store.schema import join_tokens, login_sessions
from pgward.ca.store.schema_accounts import secret_versions
from pgward.ca.store.schema_login import (
    PENDING,
    device_tokens,
    devices,
    invitations,
    step_ups,
    used_flows,
)
from pgward.ca.store.schema_secrets import access_tokens, one_time_passwords
from pgward.ca.store.transaction import Transaction

# Longer than a clock is likely to be wrong, and time to look into what has just happened.
KEPT = timedelta(days=7)
# Some milliseconds of the one writer's time.
BATCH = 500

Write = Callable[[], AbstractContextManager[Transaction]]
_ENDS = (
    *(login_sessions, join_tokens, device_tokens, used_flows, step_ups),
    *(one_time_passwords, access_tokens, secret_versions, invitations),
)


def purge(store: Store, now: datetime, *, batch: int = BATCH, write: Write | None = None) -> int:
    """Remove up to ``batch`` rows of each kind that ended long ago; return how many.

    Call it again and again: it takes the writer's lock only when there is something to remove.
    ``write`` opens the writing transaction in the place of ``store.write``.
    """
    before = now - KEPT
    # A device waits for minutes; whoever comes later with its key is new again.
    never_let_in = sa.and_(sa.text(PENDING), devices.c.created_at < before)
    old = [(table, table.c.expires_at < before) for table in _ENDS] + [(devices, never_let_in)]
    return sum(_purge(store, table, ended, batch, write or store.write) for table, ended in old)


def _purge(
    store: Store, table: sa.Table, ended: sa.ColumnElement[bool], most: int, write: Write
) -> int:
    key = sa.tuple_(*table.primary_key)
    chosen = sa.select(*table.primary_key).where(ended).limit(most)
    with store.read() as connection:
        if connection.execute(chosen.limit(1)).first() is None:
            return 0
    with write() as transaction:
        return transaction.execute(sa.delete(table).where(key.in_(chosen))).rowcount
