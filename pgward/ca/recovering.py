"""After a restore: what edges delivered since the backup stands in the archive, not in the store.

An edge that goes on with its chain has that taken in again by what it delivers next. But nobody
goes on with a chain that was left meanwhile, or whose edge is gone. So the whole archive is looked
through once: by the first `ca serve` behind `pgward ca restore`, or behind `pgward ca log accept`
of a database that was put back.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.archive import packing
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.recordings import intake as recordings
from pgward.ca.store import Store
from pgward.ca.store.purge import Write
from pgward.ca.store.schema import audit_events
from pgward.ca.store.schema_archive import audit_chains
from pgward.ca.store.schema_recordings import recording_pieces
from pgward.core.clock import Clock
from pgward.core.errors import PgwardError, UnavailableError

_log = logging.getLogger(__name__)
RESTORED = ("ca.restore", "log.accept")
"""The events behind which the store may be older than the archive."""
RECOVERED = "audit.recover"
_BEHIND = "~"  # sorts behind all that stands in a chain
_AT_ONCE = 500


class Chunks(Protocol):
    """Takes chunks in (``pgward.ca.archive.intake``)."""

    def recover(self, edge: str, chain: str) -> int:
        """Take what the archive has of a chain and the store has not; return how much."""
        ...


@dataclass(frozen=True, slots=True)
class _Edge:
    """Whose a parcel is, by its place."""

    name: str

    @property
    def actor(self) -> str:
        return f"edge:{self.name}"


class Recovery:
    """Looks once whether the store was restored, and then takes all in; any replica may."""

    def __init__(self, store: Store, objects: ObjectStore, chunks: Chunks, clock: Clock) -> None:
        self._store = store
        self._objects = objects
        self._chunks = chunks
        self._clock = clock
        self._done = False

    def run(self, *, write: Write | None = None) -> None:
        """Recover all if that is due; raise UnavailableError or ConflictError to try again."""
        if self._done:
            return
        if self._is_due():
            self._recover(write or self._store.write)
        self._done = True

    def _recover(self, write: Write) -> None:
        found = list(self._chains())
        if not found and self._has_chains():
            _log.warning(
                "the store was put back, and its archive is empty:"
                " put that where it belongs, and start again, so that it is read"
            )
            return
        chunks = sum(self._chunks.recover(*chain) for chain in found)
        pieces = sum(map(self._take, self._parcels()))
        self._note({"chunks": chunks, "pieces": pieces}, write)

    def _has_chains(self) -> bool:
        with self._store.read() as connection:
            return connection.execute(sa.select(audit_chains.c.chain).limit(1)).first() is not None

    def _is_due(self) -> bool:
        columns = audit_events.c
        wanted = sa.select(columns.action).where(columns.action.in_((*RESTORED, RECOVERED)))
        with self._store.read() as connection:
            last = connection.execute(wanted.order_by(columns.seq.desc()).limit(1)).scalar()
        return last in RESTORED

    def _chains(self) -> Iterator[tuple[str, str]]:
        """Yield edge and chain of all that the archive has, without looking at each object."""
        after = ""
        while (key := next(self._objects.list(packing.CHUNKS, after), None)) is not None:
            found, after = packing.chain_of(key), key
            if found is not None:
                after = packing.chunks_of(*found) + _BEHIND
                yield found

    def _parcels(self) -> Iterator[str]:
        """Yield the keys of parcels of which the store has no piece."""
        some: list[str] = []
        for key in self._objects.list(recordings.PARCELS):
            some.append(key)
            if len(some) == _AT_ONCE:
                yield from self._unknown(some)
                some = []
        yield from self._unknown(some)

    def _unknown(self, keys: list[str]) -> list[str]:
        column = recording_pieces.c.object_key
        with self._store.read() as connection:
            known = set(connection.execute(sa.select(column).where(column.in_(keys))).scalars())
        return [key for key in keys if key not in known]

    def _take(self, key: str) -> int:
        edge, digest = recordings.place_of(key)
        try:
            data = self._objects.get(key)
            taken = recordings.take(
                self._store, self._objects, self._clock, _Edge(edge), digest=digest, data=data
            )
        except UnavailableError:
            raise
        except PgwardError as error:
            _log.warning("a parcel of the archive cannot be used: %s", error.message)
            return 0
        return taken.kept

    def _note(self, details: dict[str, Any], write: Write) -> None:
        event = AuditEvent.make(
            time=self._clock.now(), actor=caller.SYSTEM, action=RECOVERED, details=details
        )
        with write() as transaction:
            transaction.record(event)
        _log.info("after the restore the archive was read again: %s", details)
