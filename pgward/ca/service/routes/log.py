"""The transparency log: signed heads, proofs, and the entries that one may see."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import sqlalchemy as sa
from fastapi import Query
from pydantic import BaseModel, Field

from pgward.ca.records import PEOPLES
from pgward.ca.service import strict
from pgward.ca.service.auth import Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Time
from pgward.ca.service.routes.certificates import CertificateInfo, info, may_see
from pgward.ca.store import listing, log, log_heads, log_reading
from pgward.ca.store.listing import Search
from pgward.ca.store.log_heads import SignedHead
from pgward.ca.store.log_reading import Leaf
from pgward.core.errors import InvalidInputError, NotFoundError

router = strict.router("log")
Index = Annotated[int, Query(ge=0, le=2**62)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=100)]
Hash = Annotated[str, Field(description="SHA-256, hex")]


class Head(BaseModel):
    """A signed tree head; ``jws`` is what the log's key signed, the rest what it says."""

    jws: str
    log_id: Hash
    size: int
    root: Hash
    time: Time

    @classmethod
    def of(cls, signed: SignedHead) -> "Head":
        """Show a head."""
        head = signed.head
        return cls(
            jws=signed.jws, log_id=head.log_id, size=head.size, root=head.root.hex(), time=head.time
        )


class HeadReply(BaseModel):
    """The newest head, and the public key (PEM) that verifies all of them."""

    head: Head
    public_key: str


class Inclusion(BaseModel):
    """Proof that a leaf is in the log of ``size`` leaves (RFC 9162 section 2.1.3)."""

    log_index: int
    leaf_hash: Hash
    size: int
    proof: list[Hash]
    head: Head | None


class Consistency(BaseModel):
    """Proof that the second log begins with the first one (RFC 9162 section 2.1.4)."""

    first: int
    second: int
    proof: list[Hash]


class Entry(BaseModel):
    """A leaf; ``entry`` is the bytes it is the hash of, in base64, unless they were purged."""

    log_index: int
    type: int
    serial: str
    leaf_hash: Hash
    entry: str | None

    @classmethod
    def of(cls, leaf: Leaf) -> "Entry":
        """Show a leaf."""
        encoded = None if leaf.encoded is None else b64encode(leaf.encoded).decode("ascii")
        return cls(
            log_index=leaf.log_index,
            type=leaf.type,
            serial=leaf.serial,
            leaf_hash=leaf.hash.hex(),
            entry=encoded,
        )


class Entries(BaseModel):
    """Entries in the order of the log, all of them below ``head``; ``next`` is the next start."""

    head: Head
    entries: list[Entry]
    next: int | None


class ProvenCertificate(CertificateInfo):
    """A certificate, its entry in the log, and the proof that it is below the reply's head."""

    entry: Entry | None
    proof: list[Hash] | None


class MyCertificates(BaseModel):
    """The certificates issued in one's own name, the newest first."""

    head: Head
    certificates: list[ProvenCertificate]
    cursor: str | None


@router.get("/log/head", summary="Get the newest signed head of the log")
def head(context: Current) -> HeadReply:
    """Return the newest head; a new one is signed a minute after the last, if the log grew."""
    every = timedelta(seconds=context.authority.settings.ledger.head_seconds)
    signed = context.heads.sign_if_due(every)
    return HeadReply(head=Head.of(signed), public_key=context.heads.public_key)


@router.get("/log/proof/consistency", summary="Prove that the log only grew")
def consistency(context: Current, first: Index, second: Index) -> Consistency:
    """Return the proof that the log of ``second`` leaves begins with that of ``first``."""
    with context.store.read() as connection:
        size = log.state(connection).size
        if not first <= second <= size:
            raise InvalidInputError(f"first <= second <= {size}, the size of the log, must hold")
        found = log.consistency(connection, first, second)
    return Consistency(first=first, second=second, proof=[each.hex() for each in found])


@router.get("/log/proof/inclusion", summary="Prove that a certificate is in the log")
def inclusion(
    *,
    context: Current,
    session: Person,
    serial: Annotated[str | None, Query(max_length=64)] = None,
    fingerprint: Annotated[str | None, Query(max_length=110)] = None,
    index: Index | None = None,
    size: Index | None = None,
) -> Inclusion:
    """Name the certificate by serial number, fingerprint or index (administrators: any leaf's).

    Without ``size`` the proof leads to the newest head, which is signed now if need be.
    """
    with context.store.read() as connection:
        row = _named(connection, serial=serial, fingerprint=fingerprint, index=index)
        leaves = log.state(connection).size
    if index is not None and index < leaves and session.user.administrator:
        at = index
    elif row is None or row["log_index"] is None or not may_see(session, row):
        raise NotFoundError("there is no such certificate in the log", hint="pgward certificates")
    else:
        at = row["log_index"]
    signed = context.heads.covering(at + 1)
    wanted = signed.head.size if size is None else size
    with context.store.read() as connection:
        if not at < wanted <= log.state(connection).size:
            raise InvalidInputError(f"the log of {wanted} leaves has no leaf {at}")
        leaf = log_reading.at(connection, [at])[0]
        found = log.inclusion(connection, [at], wanted)[0]
        of_size = signed if wanted == signed.head.size else log_heads.at_size(connection, wanted)
    return Inclusion(
        log_index=at,
        leaf_hash=leaf.hash.hex(),
        size=wanted,
        proof=[each.hex() for each in found],
        head=None if of_size is None else Head.of(of_size),
    )


@router.get("/log/entries", summary="Read the log")
def entries(context: Current, session: Person, start: Index = 0, limit: Limit = 100) -> Entries:
    """Return entries from ``start`` on: administrators get all, a person the own certificates'."""
    signed = context.heads.newest()
    size, name = signed.head.size, session.user.name
    with context.store.read() as connection:
        if session.user.administrator:
            end = min(start + limit, size)
            found = log_reading.leaves(connection, start, end)
        else:
            found = log_reading.of_person(connection, name, start, size, limit)
            end = found[-1].log_index + 1 if len(found) == limit else size
    return Entries(
        head=Head.of(signed),
        entries=[Entry.of(each) for each in found],
        next=end if end < size else None,
    )


@router.get("/me/certificates", summary="List the certificates in one's own name", tags=["people"])
def mine(
    context: Current, session: Person, limit: Limit = 100, cursor: Cursor = None
) -> MyCertificates:
    """Return every certificate ever issued in the person's name, with proofs, newest first."""
    now = context.now()
    wanted = Search(now=now, kinds=PEOPLES, subject=session.user.name)
    with context.store.read() as connection:
        found = listing.page(connection, wanted, limit=limit, cursor=cursor)
    indexes = [row["log_index"] for row in found.rows if row["log_index"] is not None]
    signed = context.heads.covering(max(indexes, default=-1) + 1)
    proven = _proven(context, indexes, signed.head.size)
    return MyCertificates(
        head=Head.of(signed),
        certificates=[_with_proof(info(row, now), proven) for row in found.rows],
        cursor=found.cursor,
    )


def _named(
    connection: sa.Connection, *, serial: str | None, fingerprint: str | None, index: int | None
) -> sa.RowMapping | None:
    given = [each for each in (serial, fingerprint, index) if each is not None]
    if len(given) != 1:
        raise InvalidInputError("name one of serial, fingerprint and index")
    if index is not None:
        return listing.at(connection, index)
    return listing.one(connection, listing.plain(str(given[0])))


def _proven(
    context: Context, indexes: Sequence[int], size: int
) -> dict[int, tuple[Entry, list[str]]]:
    with context.store.read() as connection:
        leaves = log_reading.at(connection, indexes)
        proofs = log.inclusion(connection, [leaf.log_index for leaf in leaves], size)
    return {
        leaf.log_index: (Entry.of(leaf), [each.hex() for each in proof])
        for leaf, proof in zip(leaves, proofs, strict=True)
    }


def _with_proof(
    shown: CertificateInfo, proven: dict[int, tuple[Entry, list[str]]]
) -> ProvenCertificate:
    index = shown.log_index
    entry, proof = (None, None) if index is None else proven.get(index, (None, None))
    return ProvenCertificate(**shown.model_dump(), entry=entry, proof=proof)
