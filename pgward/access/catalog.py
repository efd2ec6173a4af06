"""What a server holds: databases and what is in them, roles, and who was granted what.

A catalog travels in **pieces** of things of one database, each known by its SHA-256: what the CA
has already is not sent again. A piece is lines of JSON, sorted and compressed.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, Literal, Self

from pgward.access.rights import MOST_BYTES
from pgward.core import strict_json
from pgward.core.errors import InvalidInputError

Kind = Literal["database", "schema", "table", "sequence", "function", "default", "role"]
KINDS: Final[tuple[Kind, ...]] = (
    *("database", "schema", "table", "sequence", "function"),
    "default",  # rights that objects get that a role makes (ALTER DEFAULT PRIVILEGES)
    "role",
)
PUBLIC: Final = ""
"""The grantee of what everybody may do: no role has this name."""
MOST_GRANTS: Final = 1000
MOST_COMMENT: Final = 500
MOST_PIECE: Final = 1024 * 1024
"""Bytes of a piece before it is compressed."""
MOST_PIECES: Final = 1024
_WANTED_PIECE = 256 * 1024
_MOST_PRIVILEGES = 16  # on a thing, and letters of each
_LONGEST = 4096  # letters of a signature, which has many names in it
_MOST_NUMBER = 2**62


@dataclass(frozen=True, slots=True, order=True)
class Given:
    """Privileges that a role was granted on a thing; on some of its columns, if they are named."""

    grantee: str
    privileges: tuple[str, ...]
    grantable: tuple[str, ...] = ()
    column: str = ""

    def to_json(self) -> list[Any]:
        """Return it as it travels."""
        return [self.grantee, list(self.privileges), list(self.grantable), self.column]

    @classmethod
    def read(cls, values: Any) -> Self:
        """Read what ``to_json`` wrote; raise ValueError or TypeError."""
        grantee, privileges, grantable, column = values
        return cls(_name(grantee), _words(privileges), _words(grantable), _name(column))


@dataclass(frozen=True, slots=True, order=True)
class Membership:
    """A role that another is a member of; before PostgreSQL 16 every member may SET ROLE."""

    role: str
    admin: bool = False
    inherit: bool = True
    set: bool = True

    def to_json(self) -> list[Any]:
        """Return it as it travels."""
        return [self.role, self.admin, self.inherit, self.set]

    @classmethod
    def read(cls, values: Any) -> Self:
        """Read what ``to_json`` wrote; raise ValueError or TypeError."""
        role, *options = values
        admin, inherit, may_set = (_flag(each) for each in options)
        return cls(_name(role), admin, inherit, may_set)


@dataclass(frozen=True, slots=True)
class Thing:
    """One object or role.

    ``detail`` says more of its kind (view, procedure); ``signature`` are a function's arguments.
    ``rows`` and ``size`` (bytes) are estimates. ``attributes`` are a role's: login, superuser...
    Of a ``default``, ``name`` is the role whose objects it is about, ``detail`` their kind.
    """

    kind: Kind
    schema: str
    name: str
    signature: str = ""
    detail: str = ""
    owner: str = ""
    comment: str = ""
    rows: int | None = None
    size: int | None = None
    grants: tuple[Given, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    member_of: tuple[Membership, ...] = ()

    def line(self) -> bytes:
        """Return it as it travels, without a line end."""
        fields: dict[str, Any] = {
            "kind": self.kind,
            "schema": self.schema,
            "name": self.name,
            "signature": self.signature,
            "detail": self.detail,
            "owner": self.owner,
            "comment": self.comment,
            "rows": self.rows,
            "size": self.size,
            "grants": [each.to_json() for each in sorted(self.grants)],
            "attributes": dict(self.attributes),
            "member_of": [each.to_json() for each in sorted(self.member_of)],
        }
        told = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Read what ``line`` wrote; raise InvalidInputError for anything else."""
        try:
            fields = strict_json.loads(line)
            return cls(
                kind=_kind(fields["kind"]),
                schema=_name(fields.get("schema", "")),
                name=_name(fields["name"]),
                signature=_text(fields.get("signature", ""), _LONGEST),
                detail=_text(fields.get("detail", ""), MOST_BYTES),
                owner=_name(fields.get("owner", "")),
                comment=_text(fields.get("comment", ""), MOST_COMMENT),
                rows=_number(fields.get("rows")),
                size=_number(fields.get("size")),
                grants=tuple(map(Given.read, _few(fields.get("grants", [])))),
                attributes=_attributes(fields.get("attributes", {})),
                member_of=tuple(map(Membership.read, _few(fields.get("member_of", [])))),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidInputError("a line of a catalog cannot be read") from error


@dataclass(frozen=True)
class Piece:
    """Things of one database; of the server itself, with ``database`` "": databases, roles."""

    database: str
    lines: tuple[bytes, ...]

    @cached_property
    def plain(self) -> bytes:
        """Its bytes before they are compressed: the database's name, and the lines."""
        return b"\n".join([json.dumps(self.database).encode("ascii"), *self.lines])

    @cached_property
    def digest(self) -> str:
        """Its name: SHA-256 of its bytes, in hex."""
        return sha256(self.plain).hexdigest()

    def packed(self) -> bytes:
        """Return it compressed."""
        return zlib.compress(self.plain, 6)

    def things(self) -> list[Thing]:
        """Read its lines; raise InvalidInputError."""
        return [Thing.read(line) for line in self.lines]

    @classmethod
    def read(cls, packed: bytes) -> Self:
        """Read what ``packed`` returned; raise InvalidInputError, also for what gets too long."""
        unpacking = zlib.decompressobj()
        try:
            plain = unpacking.decompress(packed, MOST_PIECE + 1)
            first, *lines = plain.split(b"\n")
            database = _name(strict_json.loads(first))
        except (zlib.error, ValueError, TypeError, RecursionError) as error:
            raise InvalidInputError("a piece of a catalog cannot be read") from error
        if len(plain) > MOST_PIECE or not unpacking.eof or unpacking.unused_data:
            raise InvalidInputError("a piece of a catalog is too long, or cut")
        return cls(database, tuple(lines))


def pieces(database: str, lines: Iterable[bytes]) -> list[Piece]:
    """Cut the things of a database into pieces of such a size that one change resends little.

    In which piece a thing is hangs on its hash alone, so that a new one moves no others.
    """
    hashed = sorted((sha256(_place(line)).digest(), line) for line in lines)
    size = sum(len(line) + 1 for _, line in hashed)
    count = 1
    while count * _WANTED_PIECE < size and count < MOST_PIECES:
        count *= 2
    while True:
        parts: dict[int, list[bytes]] = {}
        for key, line in hashed:
            parts.setdefault(int.from_bytes(key[:4]) % count, []).append(line)
        made = [Piece(database, tuple(sorted(part))) for _, part in sorted(parts.items())]
        if count >= MOST_PIECES or all(len(each.plain) <= MOST_PIECE for each in made):
            return made
        count *= 2


def rough(number: float | None) -> int | None:
    """Return an estimate with two digits, which changes less often than the thing grows."""
    if number is None or number < 0:
        return None
    digits = len(str(int(number)))
    return int(round(number, min(0, 2 - digits)))


def _place(line: bytes) -> bytes:
    fields = json.loads(line)
    where = [fields.get(name, "") for name in ("kind", "schema", "name", "signature", "detail")]
    return json.dumps(where).encode("ascii")


def _kind(value: Any) -> Kind:
    for kind in KINDS:
        if kind == value:
            return kind
    raise ValueError("no kind of thing")


def _name(value: Any) -> str:
    # Letters, not bytes: a server without an encoding may have names that are longer as UTF-8.
    return _text(value, 4 * MOST_BYTES)


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise ValueError("no text that fits")
    value.encode()  # lone surrogates, which JSON can carry and no database takes
    return value


def _words(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) > _MOST_PRIVILEGES:
        raise ValueError("no list of privileges")
    return tuple(_text(value, _MOST_PRIVILEGES) for value in values)


def _few(values: Any) -> list[Any]:
    if not isinstance(values, list) or len(values) > MOST_GRANTS:
        raise ValueError("no list that fits")
    return values


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _number(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= _MOST_NUMBER:
        raise ValueError("no number")
    return int(value)


def _attributes(values: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, str):
            found[name] = _text(value, MOST_BYTES)
        elif value is True or type(value) is int:
            found[name] = value
        else:
            raise ValueError("no attribute")
    if len(found) > MOST_BYTES or any(len(name) > MOST_BYTES for name in found):
        raise ValueError("too many attributes")
    return found
