"""The keys for which edges encrypt recordings: made when first needed, kept sealed."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.store import Store
from pgward.ca.store.schema_recordings import recording_keys
from pgward.core.clock import Clock
from pgward.pki.age_keys import Identity

_COLUMNS = recording_keys.c


def recipient(connection: Connection) -> str | None:
    """Return for whom edges encrypt now; None as long as nothing was to be recorded."""
    newest = sa.select(_COLUMNS.recipient).order_by(_COLUMNS.created_at.desc()).limit(1)
    found: str | None = connection.execute(newest).scalar_one_or_none()
    return found


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
        identity = Identity.new()
        text = str(identity.recipient)
        sealed = sealer.seal(_purpose(text), identity.text().encode("ascii"))
        row = {"recipient": text, "sealed": sealed, "created_at": clock.now()}
        transaction.execute(sa.insert(recording_keys).values(row))
    return text


def identity_of(connection: Connection, sealer: Sealer, text: str) -> Identity:
    """Return who decrypts what was encrypted for a recipient; raise SealError."""
    wanted = sa.select(_COLUMNS.sealed).where(_COLUMNS.recipient == text)
    sealed: bytes | None = connection.execute(wanted).scalar_one_or_none()
    if sealed is None:
        raise SealError("the key of a recording is not in the store")
    return Identity.parse(sealer.open(_purpose(text), sealed).decode("ascii"))


def _purpose(text: str) -> str:
    return f"recordings for {text}"
