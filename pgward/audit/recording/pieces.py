"""Pieces: lines of events, chained by hashes.

The first line of a piece names its session, its number and the hash of the piece before; a salt
in it keeps those who see the hash from guessing at what the piece holds. The hash is the hex
SHA-256 of all its lines, so that who has the lines can check it, and who has not learns nothing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final, Self

from pgward.audit.chain.encoding import encode
from pgward.core.errors import InvalidInputError, PgwardError

VERSION: Final = 1
PIECE: Final = "PIECE"
RESULT: Final = "RESULT"
_SALT_BYTES: Final = 16


class PieceError(PgwardError):
    """A piece is damaged, or not the one that was chained."""

    code = "bad_piece"


@dataclass(frozen=True, slots=True)
class PieceInfo:
    """What is known of a piece without opening it; times as in records, sizes in bytes.

    ``sha256`` is its hash, ``before`` that of the piece before, empty for the first. ``last`` is
    true of the piece in which the session ends.
    """

    session: str
    number: int
    before: str
    sha256: str
    recipient: str
    events: int
    plain_bytes: int
    first_time: str
    last_time: str
    last: bool
    fields: Mapping[str, str]

    @classmethod
    def from_json(cls, fields: object) -> Self:
        """Read what ``to_json`` wrote; raise InvalidInputError."""
        if not isinstance(fields, dict) or fields.keys() != _KINDS.keys():
            raise InvalidInputError("what is said of a piece of a recording is not complete")
        for name, kind in _KINDS.items():
            if type(fields[name]) is not kind:
                raise InvalidInputError(f"{name} of a piece of a recording is not right")
        about = fields["fields"]
        if not all(type(value) is str for value in about.values()):
            raise InvalidInputError("fields of a piece of a recording are not texts")
        return cls(**fields)

    def to_json(self) -> dict[str, Any]:
        """Write it as an object."""
        return asdict(self)

    def to_record(self) -> dict[str, Any]:
        """Return the record by which the edge's chain vouches for the piece."""
        return {
            "id": f"{self.session}.piece{self.number}",
            "type": "RECORDING",
            "time": self.last_time,
            "session": self.session,
            **self.fields,
            "piece": self.number,
            "sha256": self.sha256,
            "bytes": self.plain_bytes,
        }


_KINDS: Final[dict[str, type]] = {
    "session": str,
    "number": int,
    "before": str,
    "sha256": str,
    "recipient": str,
    "events": int,
    "plain_bytes": int,
    "first_time": str,
    "last_time": str,
    "last": bool,
    "fields": dict,
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece, encrypted."""

    info: PieceInfo
    data: bytes


def header(session: str, number: int, before: str) -> bytes:
    """Return the first line of a piece."""
    salt = token_hex(_SALT_BYTES)
    fields = {"type": PIECE, "version": VERSION, "session": session}
    return encode({**fields, "piece": number, "before": before, "salt": salt})


def join(lines: Iterable[bytes]) -> bytes:
    """Return the bytes of which a piece's hash is made."""
    return b"\n".join([*lines, b""])


def hash_of(plain: bytes) -> str:
    """Return the hash of a piece's lines."""
    return sha256(plain).hexdigest()


def check(plain: bytes, session: str, number: int, before: str | None) -> dict[str, Any]:
    """Return a piece's first line, if it is that piece; raise PieceError.

    Without ``before`` it may follow any piece.
    """
    try:
        found = json.loads(plain[: plain.index(b"\n")])
    except ValueError as error:
        raise PieceError("a piece of a recording does not begin as it must") from error
    if not isinstance(found, dict) or found.get("type") != PIECE:
        raise PieceError("a piece of a recording does not begin as it must")
    if (found.get("session"), found.get("piece")) != (session, number):
        raise PieceError("a piece stands where another belongs")
    if before is not None and found.get("before") != before:
        raise PieceError("a piece does not follow the one before")
    return found
