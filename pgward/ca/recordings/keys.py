"""The keys for which edges encrypt recordings: made when first needed, kept sealed, rotated.

A key that was replaced stays as long as anything is kept that was encrypted for it. Then it goes,
so that nobody can ever read what copies there may be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.acts import Acts
from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.store import Store, Transaction
from pgward.ca.store.purge import Write
from pgward.ca.store.schema_recordings import recording_keys, recording_pieces
from pgward.core.clock import Clock
from pgward.pki.age_keys import Identity

LIFE = timedelta(days=90)
"""After this the next one is made by itself."""

_COLUMNS = recording_keys.c
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Rotated:
    """For whom edges encrypt from now on, and for whom they did before."""

    recipient: str
    before: str | None


def recipient(connection: Connection) -> str | None:
    """Return for whom edges encrypt now; None as long as nothing was to be recorded."""
    newest = _newest(connection)
    return None if newest is None else newest[0]


def ensure(store: Store, sealer: Sealer, clock: Clock) -> str:
    """Return for whom edges encrypt; make the key if there is none."""
    with store.read() as connection:
        found = recipient(connection)
    if found is not None:
        return found
    with store.write() as transaction:
        found = recipient(transaction.connection)
        if found is not None:
            return found  # another replica's
        return _add(transaction, sealer, clock.now())


def rotate(transaction: Transaction, sealer: Sealer, *, now: datetime) -> Rotated:
    """Make the next key; edges hear of it with their next snapshot."""
    before = _newest(transaction.connection)
    # The newest is in use: also where the clock was put back meanwhile.
    made = now if before is None else max(now, before[1] + _TICK)
    text = _add(transaction, sealer, made)
    transaction.changed()
    return Rotated(text, None if before is None else before[0])


def rotate_if_due(store: Store, sealer: Sealer, clock: Clock, *, write: Write) -> Rotated | None:
    """Rotate a key that is old, and put that on record."""
    with store.read() as connection:
        if not _is_due(connection, clock.now()):
            return None
    with write(), Acts(store, clock).act(caller.SYSTEM, "recording.rotate-key") as act:
        if not _is_due(act.transaction.connection, clock.now()):
            act.worth_recording = False  # somebody did it meanwhile
            return None
        done = rotate(act.transaction, sealer, now=clock.now())
        act.details |= {"recipient": done.recipient, "before": done.before}
    return done


def unused(connection: Connection, *, before: datetime) -> list[str]:
    """Return for whom nothing is kept any more, of keys that were replaced before ``before``.

    That is long ago, so that no edge still has pieces for them on its way.
    """
    oldest = connection.execute(sa.select(sa.func.min(recording_pieces.c.received_at))).scalar()
    until = min(before, oldest or before) - LIFE
    keys = sa.select(_COLUMNS.recipient, _COLUMNS.created_at).order_by(_COLUMNS.created_at)
    rows = connection.execute(keys).all()
    replaced = [each.recipient for each, later in pairwise(rows) if later.created_at < until]
    return [each for each in replaced if not _locks(connection, each)]


def forget(transaction: Transaction, recipients: Sequence[str]) -> None:
    """Forget keys for good."""
    transaction.execute(sa.delete(recording_keys).where(_COLUMNS.recipient.in_(recipients)))


def identity_of(connection: Connection, sealer: Sealer, text: str) -> Identity:
    """Return who decrypts what was encrypted for a recipient; raise SealError."""
    wanted = sa.select(_COLUMNS.sealed).where(_COLUMNS.recipient == text)
    sealed: bytes | None = connection.execute(wanted).scalar_one_or_none()
    if sealed is None:
        raise SealError("the key of a recording is not in the store")
    return Identity.parse(sealer.open(_purpose(text), sealed).decode("ascii"))


def _locks(connection: Connection, text: str) -> bool:
    """Look at all pieces, which is slow: by their ages there is hardly one for such a key."""
    pieces = sa.select(recording_pieces.c.number).where(recording_pieces.c.recipient == text)
    return connection.execute(pieces.limit(1)).first() is not None


def _newest(connection: Connection) -> tuple[str, datetime] | None:
    columns = (_COLUMNS.recipient, _COLUMNS.created_at)
    newest = sa.select(*columns).order_by(_COLUMNS.created_at.desc()).limit(1)
    found = connection.execute(newest).one_or_none()
    return None if found is None else (found.recipient, found.created_at)


def _is_due(connection: Connection, now: datetime) -> bool:
    newest = _newest(connection)
    return newest is not None and now - newest[1] >= LIFE


def _add(transaction: Transaction, sealer: Sealer, made: datetime) -> str:
    identity = Identity.new()
    text = str(identity.recipient)
    sealed = sealer.seal(_purpose(text), identity.text().encode("ascii"))
    row = {"recipient": text, "sealed": sealed, "created_at": made}
    transaction.execute(sa.insert(recording_keys).values(row))
    return text


def _purpose(text: str) -> str:
    return f"recordings for {text}"
