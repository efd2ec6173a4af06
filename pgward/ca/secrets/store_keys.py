"""The store keys: made when first needed, sealed by ``keys/seal.key``, and rotated.

All replicas read them from the store, each by its number, which is never used again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.acts import Acts
from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.secrets import envelope
from pgward.ca.secrets.envelope import Sealed, StoreKey
from pgward.ca.store import Store, Transaction
from pgward.ca.store.purge import Write
from pgward.ca.store.schema_accounts import secret_versions
from pgward.ca.store.schema_secrets import secret_keys, secrets
from pgward.core.clock import Clock

LIFE = timedelta(days=90)
"""After this the next one is made by itself."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """A new store key's number, and how many secrets it wraps now."""

    number: int
    secrets: int


def current(transaction: Transaction, sealer: Sealer, *, now: datetime, by: str) -> StoreKey:
    """Return the key in use; make the first one."""
    number = newest(transaction.connection)
    if number is None:
        return _add(transaction, sealer, 1, now=now, by=by)
    return get(transaction.connection, sealer, number)


def newest(connection: Connection) -> int | None:
    """Return the number of the key in use; None as long as there is none."""
    statement = sa.select(sa.func.max(secret_keys.c.number))
    found: int | None = connection.execute(statement).scalar_one()
    return found


def made_at(connection: Connection) -> datetime | None:
    """Return since when the key in use is so; None as long as there is none."""
    newest_first = sa.select(secret_keys.c.created_at).order_by(secret_keys.c.number.desc())
    found: datetime | None = connection.execute(newest_first.limit(1)).scalar_one_or_none()
    return found


def get(connection: Connection, sealer: Sealer, number: int) -> StoreKey:
    """Return a key by its number; raise SealError when it is gone, or sealed by another."""
    statement = sa.select(secret_keys.c.sealed).where(secret_keys.c.number == number)
    sealed: bytes | None = connection.execute(statement).scalar_one_or_none()
    if sealed is None:
        raise SealError("the key that wraps the secret is not in the store")
    return StoreKey(number, sealer.open(_purpose(number), sealed))


def rotate(transaction: Transaction, sealer: Sealer, *, now: datetime, by: str) -> Rotated:
    """Make a new key, wrap every data key with it, and forget the keys before.

    It is one transaction of the one writer, so nobody ever meets a secret that is halfway.
    """
    former = newest(transaction.connection) or 0
    new = _add(transaction, sealer, former + 1, now=now, by=by)
    old: dict[int, StoreKey] = {}
    count = _rewrap(transaction, sealer, secrets, old, new)
    _rewrap(transaction, sealer, secret_versions, old, new)
    transaction.execute(sa.delete(secret_keys).where(secret_keys.c.number != new.number))
    return Rotated(new.number, count)


def _rewrap(
    transaction: Transaction,
    sealer: Sealer,
    table: sa.Table,
    old: dict[int, StoreKey],
    new: StoreKey,
) -> int:
    """Wrap the data keys of a table anew; return of how many values."""
    rows = transaction.execute(sa.select(table)).all()
    for row in rows:
        sealed = Sealed(row.name, row.version, row.key_number, row.wrapped, row.sealed)
        if sealed.key_number not in old:
            old[sealed.key_number] = get(transaction.connection, sealer, sealed.key_number)
        again = envelope.rewrap(old[sealed.key_number], new, sealed)
        mine = (table.c.name == again.name, table.c.version == again.version)
        values = {"key_number": again.key_number, "wrapped": again.wrapped}
        transaction.execute(sa.update(table).where(*mine).values(values))
    return len(rows)


def rotate_if_due(store: Store, sealer: Sealer, clock: Clock, *, write: Write) -> Rotated | None:
    """Rotate a key that is old, and put that on record."""
    with store.read() as connection:
        if not _is_due(connection, clock.now()):
            return None
    with write(), Acts(store, clock).act(caller.SYSTEM, "secret.rotate-key") as act:
        if not _is_due(act.transaction.connection, clock.now()):
            act.worth_recording = False  # somebody did it meanwhile
            return None
        done = rotate(act.transaction, sealer, now=clock.now(), by=caller.SYSTEM)
        act.details |= {"number": done.number, "secrets": done.secrets}
    return done


def _is_due(connection: Connection, now: datetime) -> bool:
    since = made_at(connection)
    return since is not None and now - since >= LIFE


def _add(
    transaction: Transaction, sealer: Sealer, number: int, *, now: datetime, by: str
) -> StoreKey:
    key = StoreKey.new(number)
    row = {
        "number": number,
        "sealed": sealer.seal(_purpose(number), key.data),
        "created_at": now,
        "created_by": by,
    }
    transaction.execute(sa.insert(secret_keys).values(row))
    return key


def _purpose(number: int) -> str:
    return f"secrets' store key {number}"
