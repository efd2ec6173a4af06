"""Removing what the ACME server needs no more, a little at a time; call it again and again.

An account is dead when nothing hangs on it any more, no order and no certificate, and it was
ended, or has not got a certificate for as long as those are kept. A key is dead when no account
can be made with it and none was that is still there. What they were stays in the audit log.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.acme import states
from pgward.ca.store import Store
from pgward.ca.store.schema_acme import (
    acme_accounts,
    acme_certificates,
    acme_keys,
    acme_nonces,
    acme_orders,
)
from pgward.core.clock import rfc3339

KEPT = timedelta(days=7)  # after an end, to look into what has just happened
# Used nonces, after their end: a clock that was ahead, or another replica's that is behind, would
# take them as good again.
NONCES_KEPT = timedelta(days=1)
BATCH = 500
_ACCOUNT = ("thumbprint", "status", "contact", "kid", "client", "created_at")
_KEY = (
    *("kid", "dns", "ips", "pre_authorized", "uses", "used"),
    *("created_at", "created_by", "expires_at", "revoked_at"),
)


def purge(store: Store, now: datetime, *, keep: timedelta | None = None, batch: int = BATCH) -> int:
    """Remove what ended long ago; return how many.

    ``keep`` is how long certificates are kept after they expired; None is for ever.
    """
    nonces = sa.select(acme_nonces.c.nonce).where(acme_nonces.c.expires_at < now - NONCES_KEPT)
    columns = acme_orders.c
    orders = sa.select(columns.id).where(
        columns.expires_at < now - KEPT, columns.status != states.Order.PROCESSING.value
    )
    return (
        _purge(store, acme_nonces.c.nonce, nonces, batch)
        + _purge(store, columns.id, orders, batch)
        + _bury(store, _accounts(now, keep), now, batch)
        + _bury(store, _keys(now), now, batch)
    )


def _purge(store: Store, key: sa.Column[str], old: sa.Select[tuple[str]], most: int) -> int:
    with store.read() as connection:
        if connection.execute(old.limit(1)).first() is None:
            return 0
    with store.write() as transaction:
        gone = sa.delete(key.table).where(key.in_(old.limit(most)))
        return transaction.execute(gone).rowcount


@dataclass(frozen=True, slots=True)
class _Dead:
    """What is dead, as a selection of ``key``; ``name`` and ``told`` are put on record."""

    key: sa.Column[str]
    old: sa.Select[tuple[str]]
    action: str
    name: str
    told: tuple[str, ...]


def _accounts(now: datetime, keep: timedelta | None) -> _Dead:
    columns = acme_accounts.c
    valid = columns.status == states.Account.VALID.value
    ended = sa.and_(~valid, columns.created_at < now - KEPT)
    unused = sa.false() if keep is None else sa.and_(valid, columns.created_at < now - keep)
    orders = sa.exists().where(acme_orders.c.account_id == columns.id)
    certificates = sa.exists().where(acme_certificates.c.account_id == columns.id)
    old = sa.select(columns.id).where(sa.or_(ended, unused), ~orders, ~certificates)
    return _Dead(columns.id, old, "acme.account.purge", "id", _ACCOUNT)


def _keys(now: datetime) -> _Dead:
    columns, before = acme_keys.c, now - KEPT
    ended = sa.or_(
        columns.expires_at < before,
        columns.revoked_at < before,
        sa.and_(columns.used >= columns.uses, columns.created_at < before),
    )
    accounts = sa.exists().where(acme_accounts.c.kid == columns.kid)
    old = sa.select(columns.kid).where(ended, ~accounts)
    return _Dead(columns.kid, old, "acme.key.purge", "name", _KEY)


def _bury(store: Store, dead: _Dead, now: datetime, most: int) -> int:
    """Remove the dead, and put on record what they were."""
    with store.read() as connection:
        if connection.execute(dead.old.limit(1)).first() is None:
            return 0
    with store.write() as transaction:
        gone = sa.delete(dead.key.table).where(dead.key.in_(dead.old.limit(most)))
        rows = transaction.execute(gone.returning(dead.key.table)).mappings().all()
        transaction.record(*(_event(dead, row, now) for row in rows))
    return len(rows)


def _event(dead: _Dead, row: sa.RowMapping, now: datetime) -> AuditEvent:
    return AuditEvent.make(
        time=now,
        actor=caller.SYSTEM,
        action=dead.action,
        target=str(row[dead.name]),
        details={name: _plain(row[name]) for name in dead.told if row[name] is not None},
    )


def _plain(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value
