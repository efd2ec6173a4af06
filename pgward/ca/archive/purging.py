"""Removing what was kept long enough: the oldest chunks of each chain, and that it was done.

What counts is when the CA got a chunk. The times in it are its edge's, which could make its own
records old enough to go at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.store import Store, Transaction
from pgward.ca.store.purge import Write
from pgward.ca.store.schema_archive import (
    audit_chains,
    audit_chunk_names,
    audit_chunks,
    audit_gaps,
    database_sessions,
)
from pgward.core.clock import rfc3339

BATCH = 200
_COLUMNS = audit_chunks.c


@dataclass(frozen=True, slots=True)
class Policy:
    """How long what edges put on record is kept, from when it came in."""

    keep: timedelta


def purge(
    store: Store,
    objects: ObjectStore,
    now: datetime,
    policy: Policy,
    *,
    batch: int = BATCH,
    write: Write | None = None,
) -> int:
    """Remove up to ``batch`` chunks and sessions that are old enough; return how many chunks.

    Call it again and again, from one replica. First the store says that a chunk is gone, with an
    audit event; then its object goes, and its row at last. What a crash left half done is done
    the next time. Raises UnavailableError; what was done stays done.
    """
    before = now - policy.keep
    begin = write or store.write
    if _is_due(store, before):
        with begin() as transaction:
            _hide(transaction, before, now, batch)
    gone = _hidden(store, batch)
    for row in gone:
        objects.delete(row["object_key"])
    if gone:
        arrivals = [row["arrival"] for row in gone]
        with begin() as transaction:
            for table in (audit_chunk_names, audit_chunks):
                transaction.execute(sa.delete(table).where(table.c.arrival.in_(arrivals)))
    _purge_sessions(store, begin, before, batch)
    return len(gone)


def _is_due(store: Store, before: datetime) -> bool:
    wanted = sa.select(sa.literal(1)).where(_old(before)).limit(1)
    with store.read() as connection:
        return connection.execute(wanted).first() is not None


def _old(before: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(_COLUMNS.received_at < before, _COLUMNS.purged_at.is_(None))


def _hide(transaction: Transaction, before: datetime, now: datetime, batch: int) -> None:
    wanted = sa.select(audit_chunks).where(_old(before)).order_by(_COLUMNS.arrival).limit(batch)
    rows = transaction.execute(wanted).mappings().all()
    arrivals = [row["arrival"] for row in rows]
    hidden = sa.update(audit_chunks).where(_COLUMNS.arrival.in_(arrivals))
    transaction.execute(hidden.values(purged_at=now))
    for key in dict.fromkeys((row["edge"], row["chain"]) for row in rows):
        mine = [row for row in rows if (row["edge"], row["chain"]) == key]
        _shorten(transaction, mine, before, now)


def _shorten(
    transaction: Transaction, rows: Sequence[sa.RowMapping], before: datetime, now: datetime
) -> None:
    """Say where a chain begins now: behind the last of its chunks that go."""
    last = rows[-1]
    edge, chain, end = last["edge"], last["chain"], last["last_seq"]
    first = {"first_seq": end + 1, "first_hash": last["end_hash"]}
    mine = (audit_chains.c.edge == edge, audit_chains.c.chain == chain)
    transaction.execute(sa.update(audit_chains).where(*mine).values(first))
    gaps = (audit_gaps.c.edge == edge, audit_gaps.c.chain == chain)
    transaction.execute(sa.delete(audit_gaps).where(*gaps, audit_gaps.c.last_seq <= end))
    details: dict[str, Any] = {
        "edge": edge,
        "first_seq": rows[0]["first_seq"],
        "last_seq": end,
        "end_hash": last["end_hash"],
        "chunks": len(rows),
        "received_before": rfc3339(before),
    }
    transaction.record(
        AuditEvent.make(
            time=now, actor=caller.SYSTEM, action="audit.purge", target=chain, details=details
        )
    )


def _hidden(store: Store, batch: int) -> list[dict[str, Any]]:
    wanted = sa.select(_COLUMNS.arrival, _COLUMNS.object_key)
    wanted = wanted.where(_COLUMNS.purged_at.is_not(None)).limit(batch)
    with store.read() as connection:
        return [dict(row) for row in connection.execute(wanted).mappings()]


def _purge_sessions(store: Store, begin: Write, before: datetime, batch: int) -> None:
    """Remove sessions whose last record came in long ago."""
    key = sa.tuple_(database_sessions.c.edge, database_sessions.c.id)
    columns = (database_sessions.c.edge, database_sessions.c.id)
    old = sa.select(*columns).where(database_sessions.c.received_at < before).limit(batch)
    with store.read() as connection:
        if connection.execute(old.limit(1)).first() is None:
            return
    with begin() as transaction:
        transaction.execute(sa.delete(database_sessions).where(key.in_(old)))
