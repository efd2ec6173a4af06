"""The processes that serve this store: which generations each knows, and whose keys it has."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.standing import Standing
from pgward.ca.store import Store
from pgward.ca.store.schema_authorities import ca_replicas
from pgward.core.clock import Clock

BEAT_SECONDS = 30.0
_GONE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Replica:
    """One process, as it last told of itself."""

    address: str
    seen_at: datetime
    digest: str
    missing_keys: tuple[str, ...]

    def why_lagging(self, digest: str) -> str | None:
        """Say why it is not ready for the next phase; None when it is."""
        if self.missing_keys:
            return f"it has no key of {', '.join(self.missing_keys)}"
        if self.digest != digest:
            return "it has not heard of the present phase yet"
        return None


class Presence:
    """Tells the store that this process serves, and how it stands here.

    What it tells first replaces what a former process of its ``address`` told: that was killed.
    Later it does not, as two may have the same address by mistake.
    """

    def __init__(
        self, store: Store, standing: Callable[[], Standing], address: str, clock: Clock
    ) -> None:
        self._store = store
        self._standing = standing
        self._address = address
        self._clock = clock
        self._id = secrets.token_hex(16)
        self._is_first = True

    def tell(self) -> None:
        """Write it down; also that others are gone who have been silent for long."""
        standing, now = self._standing(), self._clock.now()
        row = {
            "id": self._id,
            "address": self._address,
            "seen_at": now,
            "digest": standing.generations.digest(),
            "missing_keys": standing.missing(),
        }
        columns = ca_replicas.c
        with self._store.write() as transaction:
            gone = (columns.id == self._id) | (columns.seen_at < now - _GONE)
            if self._is_first:
                gone |= columns.address == self._address
            transaction.execute(sa.delete(ca_replicas).where(gone))
            transaction.execute(sa.insert(ca_replicas).values(row))
        self._is_first = False

    def end(self) -> None:
        """Say that this process serves no more."""
        with self._store.write() as transaction:
            transaction.execute(sa.delete(ca_replicas).where(ca_replicas.c.id == self._id))


def present(connection: Connection, now: datetime) -> list[Replica]:
    """Return those that were heard of lately."""
    columns = ca_replicas.c
    statement = sa.select(ca_replicas).where(columns.seen_at >= now - _GONE)
    return [_replica(row) for row in connection.execute(statement.order_by(columns.address))]


def _replica(row: sa.Row[Any]) -> Replica:
    return Replica(row.address, row.seen_at, row.digest, tuple(row.missing_keys))
