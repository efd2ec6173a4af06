"""Removing what the ACME server needs no more, a little at a time; call it again and again.

Accounts, EAB keys, and which account a certificate belongs to stay.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from pgward.ca.acme import states
from pgward.ca.store import Store
from pgward.ca.store.schema_acme import acme_nonces, acme_orders

KEPT = timedelta(days=7)  # after an order's end, to look into what has just happened
BATCH = 500


def purge(store: Store, now: datetime, *, batch: int = BATCH) -> int:
    """Remove nonces that ended and orders that ended long ago; return how many."""
    nonces = sa.select(acme_nonces.c.nonce).where(acme_nonces.c.expires_at < now)
    columns = acme_orders.c
    orders = sa.select(columns.id).where(
        columns.expires_at < now - KEPT, columns.status != states.Order.PROCESSING.value
    )
    return _purge(store, acme_nonces.c.nonce, nonces, batch) + _purge(
        store, columns.id, orders, batch
    )


def _purge(store: Store, key: sa.Column[str], old: sa.Select[tuple[str]], most: int) -> int:
    with store.read() as connection:
        if connection.execute(old.limit(1)).first() is None:
            return 0
    with store.write() as transaction:
        gone = sa.delete(key.table).where(key.in_(old.limit(most)))
        return transaction.execute(gone).rowcount
