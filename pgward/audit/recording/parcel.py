"""Parcels: pieces of several sessions, as one file and one request.

A line of JSON for each piece, which says what it is and how many bytes it has; an empty line; then
the pieces one behind the other.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pgward.audit.chain.encoding import encode
from pgward.audit.recording.pieces import Piece, PieceInfo
from pgward.core.errors import InvalidInputError

MOST_PIECES: Final = 10_000
_END: Final = b"\n\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A piece within its parcel: from where on, and how many bytes."""

    info: PieceInfo
    start: int
    size: int


def pack(pieces: Sequence[Piece]) -> bytes:
    """Return a parcel; there is one piece at least."""
    lines = [encode({**piece.info.to_json(), "size": len(piece.data)}) for piece in pieces]
    return b"".join([b"\n".join(lines), _END, *(piece.data for piece in pieces)])


def read(data: bytes) -> list[Place]:
    """Return the pieces of a parcel; raise InvalidInputError."""
    head, end, _ = data.partition(_END)
    lines = head.split(b"\n")
    if not end or len(lines) > MOST_PIECES:
        raise InvalidInputError("a parcel of recordings is cut off, or holds too much")
    places = list(_places(lines, len(head) + len(end)))
    last = places[-1]
    if last.start + last.size != len(data):
        raise InvalidInputError("a parcel of recordings is cut off")
    return places


def _places(lines: Sequence[bytes], start: int) -> Iterator[Place]:
    for line in lines:
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError("what is in a parcel of recordings cannot be read") from error
        size = fields.pop("size", None) if isinstance(fields, dict) else None
        if type(size) is not int or size <= 0:
            raise InvalidInputError("a piece in a parcel of recordings has no size")
        yield Place(PieceInfo.from_json(fields), start, size)
        start += size
