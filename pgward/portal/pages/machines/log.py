"""``/admin/ca/log``: the transparency log, its entries, and proofs that are verified here."""

from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Query, Response

from pgward.ca.service import errors
from pgward.ca.service.routes import log
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.pki import log_entry, merkle
from pgward.pki.log_entry import CertificateEntry, PurgeEntry, RevocationEntry
from pgward.pki.merkle import MerkleError
from pgward.portal.pages.machines.common import REFUSALS
from pgward.portal.web import route
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
_LIMIT = 50
_ROOT_BYTES = 32
_MOST = 2**62  # as the API takes them
_Start = Annotated[str, Query(max_length=20)]
_Root = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True, slots=True)
class Line:
    """An entry in words; ``serial`` is that of a certificate, ``name`` whose it is."""

    index: int
    at: datetime | None
    what: str
    name: str
    serial: str
    is_whole: bool
    """Whether its bytes, if they are there, have the hash that the log holds."""


@router.get("/admin/ca/log")
def show(frame: Administrator, start: _Start = "", size: _Start = "", root: _Root = "") -> Response:
    """Show the newest head, entries, and whether a head of before belongs to the same log."""
    # Signed anew if it is time: what was issued lately is in it then.
    head = log.head(frame.context)
    problem: PgwardError | None = None
    proved: bool | None = None
    first = max(0, head.head.size - _LIMIT)
    try:
        first = _number(start, "start") if start else first
        if size or root:
            proved = _is_beginning(frame, _number(size, "size"), root, head.head)
    except REFUSALS as error:
        problem = error
    reply = log.entries(frame.context, frame.me, start=first, limit=_LIMIT)
    return frame.show(
        "machines/log.html",
        status=200 if problem is None else errors.status(problem),
        head=head,
        lines=[_line(each) for each in reply.entries][::-1],
        first=first,
        older=frame.link(start=str(max(0, first - _LIMIT))) if first else None,
        newer=None if reply.next is None else frame.link(start=str(reply.next)),
        size=size,
        root=root,
        proved=proved,
        now=frame.context.now(),
        problem=problem,
    )


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > _MOST:
        raise InvalidInputError(f"{what} is no number")
    return int(text)


def _is_beginning(frame: Frame, size: int, root: str, head: log.Head) -> bool:
    """Tell whether the log of ``size`` entries with that root is how the log of now begins."""
    try:
        before = bytes.fromhex(root.strip())
    except ValueError:
        before = b""
    if len(before) != _ROOT_BYTES:
        raise InvalidInputError("the root is not 64 hex digits", hint="pgward ca log head shows it")
    if size > head.size:
        return False
    told = log.consistency(frame.context, size, head.size)
    proof = [bytes.fromhex(each) for each in told.proof]
    try:
        merkle.check_consistency(size, before, head.size, bytes.fromhex(head.root), proof)
    except MerkleError:
        return False
    return True


def _line(entry: log.Entry) -> Line:
    encoded = None if entry.entry is None else b64decode(entry.entry)
    if encoded is None:
        return Line(entry.log_index, None, "certificate, since purged", "", entry.serial, True)
    is_whole = merkle.leaf_hash(encoded).hex() == entry.leaf_hash
    found = log_entry.decode(encoded)
    at = found.time
    match found:
        case CertificateEntry():
            what, name = f"certificate of {found.ca}", f"{found.kind} {found.subject}"
        case RevocationEntry():
            what, name = f"revocation: {found.reason}", ""
        case PurgeEntry():
            what, name = (
                f"purge of {sum(end - first for first, end in found.ranges)} that had expired",
                "",
            )
    return Line(entry.log_index, at, what, name, entry.serial, is_whole)
