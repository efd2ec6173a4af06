"""Chains and their chunks in the store: how far each goes, and what follows it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.audit.chain.head import Head
from pgward.audit.chain.manifest import Manifest
from pgward.ca.archive.facts import Facts
from pgward.ca.store.schema_archive import (
    audit_chains,
    audit_chunk_names,
    audit_chunks,
    audit_gaps,
)
from pgward.ca.store.transaction import Transaction, advance
from pgward.core.errors import ConflictError
from pgward.pki import jws

ARCHIVE = "archive"  # the counter of arrivals
Reason = Literal["gap", "behind", "fork"]

_WHY: dict[Reason, str] = {
    "gap": "the chunk does not follow the last line that the authority has",
    "behind": "the authority has some of these lines already",
    "fork": "the authority has other lines with these numbers: the chain was written anew",
}


class NotFollowingError(ConflictError):
    """A chunk does not stand where its chain ends; ``head`` is where it does."""

    def __init__(self, reason: Reason, head: Head) -> None:
        super().__init__(_WHY[reason])
        self.reason: Reason = reason
        self.head = head


@dataclass(frozen=True, slots=True)
class Arrived:
    """A chunk that comes in: its manifest, as text as well, and where its object is."""

    manifest: Manifest
    text: str
    key: str
    packed_bytes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a chain goes as a chunk of it comes, and whether that very chunk is here already."""

    head: Head
    is_kept: bool


# Each chunk needs these, and SQLAlchemy takes longer to build a statement than to run it.
_STANDING = (
    sa.select(
        audit_chains.c.head_seq,
        audit_chains.c.head_hash,
        audit_chunks.c.sha256,
        audit_chunks.c.end_hash,
    )
    .select_from(
        audit_chains.outerjoin(
            audit_chunks,
            sa.and_(
                audit_chunks.c.edge == audit_chains.c.edge,
                audit_chunks.c.chain == audit_chains.c.chain,
                audit_chunks.c.first_seq == sa.bindparam("of_first_seq"),
            ),
        )
    )
    .where(
        audit_chains.c.edge == sa.bindparam("of_edge"),
        audit_chains.c.chain == sa.bindparam("of_chain"),
    )
)
_MOVE = (
    sa.update(audit_chains)
    .where(
        audit_chains.c.edge == sa.bindparam("of_edge"),
        audit_chains.c.chain == sa.bindparam("of_chain"),
    )
    .values(
        head_seq=sa.bindparam("head_seq"),
        head_hash=sa.bindparam("head_hash"),
        received_at=sa.bindparam("received_at"),
    )
)
_BEGIN = sa.insert(audit_chains)
_ADD = sa.insert(audit_chunks)
_NAME = sa.insert(audit_chunk_names)


def standing(connection: Connection, manifest: Manifest) -> Standing:
    """Return where a chunk's chain stands: at its origin when nothing has come yet."""
    wanted = {
        "of_edge": manifest.edge,
        "of_chain": manifest.chain,
        "of_first_seq": manifest.first_seq,
    }
    row = connection.execute(_STANDING, wanted).one_or_none()
    if row is None:
        return Standing(Head.origin(manifest.chain), is_kept=False)
    known = Head(manifest.chain, row.head_seq, jws.decode(row.head_hash))
    return Standing(known, (row.sha256, row.end_hash) == (manifest.sha256, manifest.end_hash))


def head(connection: Connection, edge: str, chain: str) -> Head:
    """Return how far a chain goes here: to its origin when nothing has come yet."""
    columns = audit_chains.c
    wanted = sa.select(columns.head_seq, columns.head_hash).where(*_is(audit_chains, edge, chain))
    row = connection.execute(wanted).one_or_none()
    if row is None:
        return Head.origin(chain)
    return Head(chain, row.head_seq, jws.decode(row.head_hash))


def others(connection: Connection, edge: str) -> list[dict[str, Any]]:
    """Return the heads of all chains of an edge."""
    columns = audit_chains.c
    wanted = sa.select(columns.chain, columns.head_seq, columns.head_hash)
    found = connection.execute(wanted.where(columns.edge == edge).order_by(columns.started_at))
    return [{"chain": row.chain, "seq": row.head_seq, "hash": row.head_hash} for row in found]


def place(connection: Connection, manifest: Manifest, known: Head, missing: str | None) -> bool:
    """Tell whether a chunk follows ``known``, its chain's head; False when it does across a gap.

    ``missing`` is what the edge says it has no more (``5-9``). Raises NotFollowingError.
    """
    start = manifest.start
    if start.seq == known.seq:
        if start.hash != known.hash:
            raise NotFollowingError("fork", known)
        return True
    if start.seq > known.seq:
        if missing != f"{known.seq + 1}-{start.seq}":
            raise NotFollowingError("gap", known)
        return False
    raise NotFollowingError("behind" if _has(connection, manifest) else "fork", known)


def _has(connection: Connection, manifest: Manifest) -> bool:
    """Tell whether a chunk that is here ends with the same line, and so follows the same ones.

    Where its lines came in other chunks it does not: hashes stand at the end of blocks.
    """
    columns = audit_chunks.c
    same = sa.select(sa.literal(1)).where(
        *_is(audit_chunks, manifest.edge, manifest.chain),
        columns.last_seq == manifest.last_seq,
        columns.end_hash == manifest.end_hash,
    )
    return connection.execute(same).first() is not None


def add(transaction: Transaction, arrived: Arrived, facts: Facts, now: datetime) -> None:
    """Append a chunk, of which ``place`` said that it may follow."""
    manifest = arrived.manifest
    arrival = advance(transaction.connection, ARCHIVE)
    _advance_head(transaction, manifest, now)
    row = {
        "arrival": arrival,
        "edge": manifest.edge,
        "chain": manifest.chain,
        "first_seq": manifest.first_seq,
        "last_seq": manifest.last_seq,
        "start_hash": manifest.start_hash,
        "end_hash": manifest.end_hash,
        "plain_bytes": manifest.plain_bytes,
        "packed_bytes": arrived.packed_bytes,
        "sha256": manifest.sha256,
        "first_time": facts.first_time,
        "last_time": facts.last_time,
        "received_at": now,
        "object_key": arrived.key,
        "manifest": arrived.text,
    }
    transaction.execute(_ADD, row)
    named = [
        {"kind": kind, "name": name, "arrival": arrival}
        for kind, names in facts.names.items()
        for name in names
    ]
    if named:
        transaction.execute(_NAME, named)


def note_gap(transaction: Transaction, manifest: Manifest, now: datetime) -> tuple[int, int]:
    """Put on record that lines before a chunk will never come; return the first and the last."""
    known = head(transaction.connection, manifest.edge, manifest.chain)
    first, last = known.seq + 1, manifest.first_seq - 1
    key = {"edge": manifest.edge, "chain": manifest.chain, "first_seq": first}
    transaction.execute(sa.insert(audit_gaps), key | {"last_seq": last, "noted_at": now})
    return first, last


def every(connection: Connection, edge: str | None = None) -> list[dict[str, Any]]:
    """Return all chains, or an edge's, with their gaps: in the order in which they began."""
    statement = sa.select(audit_chains).order_by(audit_chains.c.started_at, audit_chains.c.chain)
    gaps = sa.select(audit_gaps).order_by(audit_gaps.c.first_seq)
    if edge is not None:
        statement = statement.where(audit_chains.c.edge == edge)
        gaps = gaps.where(audit_gaps.c.edge == edge)
    missing: dict[tuple[str, str], list[list[int]]] = {}
    for row in connection.execute(gaps):
        missing.setdefault((row.edge, row.chain), []).append([row.first_seq, row.last_seq])
    return [
        {**row, "gaps": missing.get((row["edge"], row["chain"]), [])}
        for row in connection.execute(statement).mappings()
    ]


def sources(connection: Connection, edge: str, services: Iterable[str]) -> set[str]:
    """Return those of the services of which this edge has put something on record before."""
    known = audit_chunks.join(
        audit_chunk_names, audit_chunk_names.c.arrival == audit_chunks.c.arrival
    )
    found = set()
    for service in services:
        wanted = sa.select(sa.literal(1)).select_from(known).limit(1)
        wanted = wanted.where(
            audit_chunk_names.c.kind == "service",
            audit_chunk_names.c.name == service,
            audit_chunks.c.edge == edge,
        )
        if connection.execute(wanted).first() is not None:
            found.add(service)
    return found


def _advance_head(transaction: Transaction, manifest: Manifest, now: datetime) -> None:
    moved: dict[str, Any] = {
        "head_seq": manifest.last_seq,
        "head_hash": manifest.end_hash,
        "received_at": now,
    }
    mine = {"of_edge": manifest.edge, "of_chain": manifest.chain}
    if transaction.execute(_MOVE, moved | mine).rowcount:
        return
    begun = {
        "edge": manifest.edge,
        "chain": manifest.chain,
        "first_seq": 1,  # also where a gap stands there
        "first_hash": jws.encode(Head.origin(manifest.chain).hash),
        "started_at": now,
    }
    transaction.execute(_BEGIN, begun | moved)


def _is(table: sa.Table, edge: str, chain: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.edge == edge, table.c.chain == chain)
