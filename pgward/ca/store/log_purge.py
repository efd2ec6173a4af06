"""Removing certificates that expired long ago, without losing that they were.

Their rows and bytes go. Their leaves stay in the log, and the purge becomes a leaf itself, with
the hash over what was removed: so nobody can say later that a deleted row was a purged one.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.records import Kind
from pgward.ca.store import compromised, log
from pgward.ca.store.certificates import PENDING
from pgward.ca.store.database import Store
from pgward.ca.store.log import LogEntry
from pgward.ca.store.purge import Write
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_acme import acme_certificates
from pgward.ca.store.schema_log import log_leaves
from pgward.ca.store.transaction import Transaction
from pgward.core.clock import rfc3339
from pgward.pki.log_entry import EntryType, PurgeEntry

BATCH = 500  # some milliseconds of the one writer's time


@dataclass(frozen=True, slots=True)
class Policy:
    """How long an expired certificate is kept; CAs' own are kept for ever."""

    keep: timedelta


def purge_certificates(
    store: Store,
    now: datetime,
    policy: Policy,
    *,
    batch: int = BATCH,
    write: Write | None = None,
) -> int:
    """Remove up to ``batch`` certificates that expired long ago; return how many.

    ``write`` begins the transaction instead of the store's own (the leader's, say).

    Call it again and again, from one replica: it takes the writer's lock only when there is
    something to remove. Those that were reserved and never signed go too.
    """
    before = now - policy.keep
    wanted = _expired(before).limit(batch)
    with store.read() as connection:
        if connection.execute(wanted.limit(1)).first() is None:
            return 0
    with (write or store.write)() as transaction:
        rows = transaction.execute(wanted).all()
        if not rows:
            return 0
        serials = [row.serial for row in rows]
        for table in (certificates, acme_certificates):
            transaction.execute(sa.delete(table).where(table.c.serial.in_(serials)))
        indexes = sorted(row.log_index for row in rows if row.log_index is not None)
        if indexes:
            _record(transaction, indexes, before, now)
    return len(rows)


def digest_of(hashes: Iterable[bytes]) -> bytes:
    """Return the hash over the hashes of the leaves that a purge removed."""
    digest = hashlib.sha256()
    for each in hashes:
        digest.update(each)
    return digest.digest()


def ranges_of(indexes: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return ascending indexes as ranges, each without its end."""
    ranges: list[tuple[int, int]] = []
    for index in indexes:
        if ranges and ranges[-1][1] == index:
            ranges[-1] = (ranges[-1][0], index + 1)
        else:
            ranges.append((index, index + 1))
    return tuple(ranges)


def _expired(before: datetime) -> sa.Select[tuple[str]]:
    columns = certificates.c
    return sa.select(columns.serial, columns.log_index).where(
        columns.not_after < before,
        columns.kind != Kind.CA.value,
        # Their keys are known by them, and never certified again.
        columns.reason.is_distinct_from(compromised.REASON),
        sa.or_(columns.log_index.is_not(None), columns.state == PENDING),
    )


def _record(
    transaction: Transaction, indexes: Sequence[int], before: datetime, now: datetime
) -> None:
    statement = sa.select(log_leaves.c.hash).where(log_leaves.c.log_index.in_(indexes))
    hashes = transaction.execute(statement.order_by(log_leaves.c.log_index)).scalars().all()
    entry = PurgeEntry(now, before, ranges_of(indexes), digest_of(hashes))
    leaf = LogEntry(EntryType.PURGE, "", entry.encode(), keeps_body=True)
    at = log.append(transaction, [leaf])
    transaction.record(
        AuditEvent.make(
            time=now,
            actor=caller.SYSTEM,
            action="certificate.purge",
            details={
                "count": len(indexes),
                "ranges": [list(each) for each in entry.ranges],
                "expired_before": rfc3339(before),
                "sha256": entry.digest.hex(),
                "log_index": at,
            },
        )
    )
