"""Records that come again in another chain of their edge: they count once.

An edge whose directory was put back to an earlier state chains anew, in another chain, what the
authority has of it already. Both stay, as that is what was sent; but the list of database sessions
adds up what is new. A record is the same in every chain, its time as well: so only chunks of the
same time are compared, and for nearly every chunk it is known beforehand that there are none.
"""

import logging
import threading
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from pgward.audit.chain import chunk as chunks
from pgward.audit.chain.blocks import Chain
from pgward.audit.chain.chunk import Part
from pgward.audit.chain.head import Head
from pgward.audit.chain.lines import record_of
from pgward.audit.chain.manifest import Manifest
from pgward.ca.archive import facts, reading
from pgward.ca.archive.facts import Facts, SessionFacts
from pgward.ca.archive.index import Chunk
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.store import Store
from pgward.ca.store.schema_archive import audit_chunks
from pgward.core.errors import PgwardError

_log = logging.getLogger(__name__)
_COLUMNS = audit_chunks.c
_MOST_EDGES = 10_000
_MOST_COMPARED = 20  # chunks; what an edge says of time is its own
Ends = dict[str, datetime]
"""The time of the last record of each chain of an edge."""


class Doubles:
    """Knows how far the chains of each edge go in time; any thread may use it."""

    def __init__(self, store: Store, objects: ObjectStore) -> None:
        self._store = store
        self._objects = objects
        self._lock = threading.Lock()
        self._ends: dict[str, Ends] = {}

    def new(self, manifest: Manifest, data: bytes, found: Facts) -> Mapping[str, SessionFacts]:
        """Return what a verified chunk says of sessions that no other chain has said before."""
        if not self._may_be_there(manifest, found.first_time):
            return found.sessions
        lines = chunks.unpack(data)
        left = dict.fromkeys(map(record_of, lines))
        for row in self._same_time(manifest, found):
            try:
                known = reading.lines_of(self._objects, row)
            except PgwardError as error:
                _log.warning("a chunk cannot be compared: %s", error.message)
                continue
            for line in known:
                left.pop(record_of(line), None)
        if len(left) == len(lines):
            return found.sessions
        return _sessions(list(left), manifest.edge) if left else {}

    def kept(self, manifest: Manifest, found: Facts) -> None:
        """Hear that a chunk was kept."""
        with self._lock:
            ends = self._ends.get(manifest.edge)
            if ends is not None:
                last = ends.get(manifest.chain, found.last_time)
                ends[manifest.chain] = max(last, found.last_time)

    def _may_be_there(self, manifest: Manifest, first_time: datetime) -> bool:
        with self._lock:
            ends = dict(self._ends.get(manifest.edge, {}))
        # A chain that is new here may have followed one that another replica took.
        if manifest.chain not in ends:
            ends = {manifest.chain: first_time} | self._read(manifest.edge)
            with self._lock:
                if len(self._ends) >= _MOST_EDGES:
                    self._ends.clear()
                self._ends[manifest.edge] = dict(ends)
        return any(end >= first_time for chain, end in ends.items() if chain != manifest.chain)

    def _read(self, edge: str) -> Ends:
        wanted = sa.select(_COLUMNS.chain, sa.func.max(_COLUMNS.last_time).label("end"))
        wanted = wanted.where(_COLUMNS.edge == edge).group_by(_COLUMNS.chain)
        with self._store.read() as connection:
            return {row.chain: row.end for row in connection.execute(wanted)}

    def _same_time(self, manifest: Manifest, found: Facts) -> list[Chunk]:
        wanted = sa.select(audit_chunks).where(
            _COLUMNS.edge == manifest.edge,
            _COLUMNS.chain != manifest.chain,
            _COLUMNS.last_time >= found.first_time,
            _COLUMNS.first_time <= found.last_time,
            _COLUMNS.purged_at.is_(None),
        )
        wanted = wanted.order_by(_COLUMNS.arrival.desc()).limit(_MOST_COMPARED)
        with self._store.read() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings()]


def _sessions(records: list[bytes], edge: str) -> Mapping[str, SessionFacts]:
    plain = Chain(Head.origin("0" * 16)).block(records)
    return facts.read([Part(1, plain)], edge).sessions
