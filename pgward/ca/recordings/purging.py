"""Removing recordings that were kept long enough, their keys, and that it was done."""

from datetime import datetime

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.archive.purging import Policy
from pgward.ca.recordings import keys
from pgward.ca.store import Store
from pgward.ca.store.purge import Write
from pgward.ca.store.schema_recordings import recording_pieces
from pgward.core.clock import rfc3339

BATCH = 200
_COLUMNS = recording_pieces.c


def purge(
    store: Store,
    objects: ObjectStore,
    now: datetime,
    policy: Policy,
    *,
    batch: int = BATCH,
    write: Write | None = None,
) -> int:
    """Remove up to ``batch`` parcels that came in long ago; return how many.

    Call it again and again, from one replica. Objects go first: what a crash left half done is
    told as lost until the next time. Raises UnavailableError; what was done stays done.
    """
    before, begin = now - policy.keep, write or store.write
    _forget_keys(store, now, before, begin)
    old = sa.select(_COLUMNS.object_key).where(_COLUMNS.received_at < before)
    with store.read() as connection:
        parcels = connection.execute(old.distinct().limit(batch)).scalars().all()
    if not parcels:
        return 0
    for key in parcels:
        objects.delete(key)
    with begin() as transaction:
        gone = sa.delete(recording_pieces).where(
            _COLUMNS.object_key.in_(parcels), _COLUMNS.received_at < before
        )
        pieces = transaction.execute(gone).rowcount
        details = {"parcels": len(parcels), "pieces": pieces, "received_before": rfc3339(before)}
        transaction.record(
            AuditEvent.make(
                time=now, actor=caller.SYSTEM, action="recording.purge", details=details
            )
        )
    return len(parcels)


def _forget_keys(store: Store, now: datetime, before: datetime, begin: Write) -> None:
    """Remove keys that lock nothing any more: whoever has a copy of it can never read it."""
    with store.read() as connection:
        if not keys.unused(connection, before=before):
            return
    with begin() as transaction:
        unused = keys.unused(transaction.connection, before=before)
        if unused:
            keys.forget(transaction, unused)
            event = AuditEvent.make(
                time=now,
                actor=caller.SYSTEM,
                action="recording.forget-key",
                details={"recipients": unused},
            )
            transaction.record(event)
