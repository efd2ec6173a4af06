"""Rights on a PostgreSQL server: memberships in roles, and privileges on objects of databases.

Objects may be named by patterns, in which ``*`` stands for any letters. The privileges are those of
GRANT (PostgreSQL manual, chapter 5.8).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal, Self

from pgward.core.errors import InvalidInputError

ObjectKind = Literal["database", "schema", "table", "sequence", "function"]
PRIVILEGES: Final[Mapping[ObjectKind, frozenset[str]]] = {
    "database": frozenset({"CONNECT", "CREATE", "TEMPORARY"}),
    "schema": frozenset({"USAGE", "CREATE"}),
    # Views, materialized views, foreign and partitioned tables, too. MAINTAIN is new in 17.
    "table": frozenset(
        {
            *("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"),
            "MAINTAIN",
        }
    ),
    "sequence": frozenset({"USAGE", "SELECT", "UPDATE"}),
    "function": frozenset({"EXECUTE"}),  # procedures and aggregates, too
}
ANY: Final = "*"
MOST_BYTES: Final = 63
"""Of a name, NAMEDATALEN - 1: PostgreSQL cuts what is longer."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectRights:
    """Privileges on objects of one database: those of a kind whose schema and name match.

    ``schema`` is a pattern for kinds other than database and schema, ``name`` one for all kinds but
    database; what has none is "". With ``future`` objects count that are made later.
    """

    database: str
    kind: ObjectKind
    schema: str
    name: str
    privileges: tuple[str, ...]
    future: bool = False

    def covers(self, schema: str, name: str) -> bool:
        """Tell whether an object of this kind in this database is meant."""
        return matches(self.schema, schema) and matches(self.name, name)

    def to_json(self) -> dict[str, Any]:
        """Return it as connectors are told."""
        return {
            "database": self.database,
            "kind": self.kind,
            "schema": self.schema,
            "name": self.name,
            "privileges": list(self.privileges),
            "future": self.future,
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote; raise InvalidInputError for anything else."""
        try:
            kind = _kind(fields["kind"])
            read = cls(
                database=_name(fields["database"]),
                kind=kind,
                schema=_pattern(fields["schema"], wanted=kind not in ("database", "schema")),
                name=_pattern(fields["name"], wanted=kind != "database"),
                privileges=tuple(sorted({str(each) for each in fields["privileges"]})),
                future=fields["future"] is True,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError("rights on objects cannot be read") from error
        if not read.privileges or not PRIVILEGES[kind].issuperset(read.privileges):
            raise InvalidInputError(f"those are no privileges on a {kind}")
        return read


@dataclass(frozen=True, slots=True)
class Rights:
    """What a person or a role bundle has; ``roles`` are the server's own, by membership."""

    roles: frozenset[str] = frozenset()
    objects: frozenset[ObjectRights] = field(default_factory=frozenset)

    def __or__(self, other: Self) -> "Rights":
        return Rights(self.roles | other.roles, self.objects | other.objects)

    def to_json(self) -> dict[str, Any]:
        """Return it as connectors are told."""
        return {
            "roles": sorted(self.roles),
            "objects": [each.to_json() for each in sorted(self.objects)],
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote; raise InvalidInputError for anything else."""
        try:
            return cls(
                frozenset(_name(each) for each in fields["roles"]),
                frozenset(ObjectRights.read(each) for each in fields["objects"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError("rights cannot be read") from error


def matches(pattern: str, name: str) -> bool:
    """Tell whether a pattern means a name: each ``*`` is any letters, the rest is itself."""
    return pattern in (ANY, name) or (ANY in pattern and bool(_regex(pattern).fullmatch(name)))


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    pieces = [re.escape(each) for each in re.split(r"\*+", pattern)]
    # Lazy pieces of a pattern with many stars would be tried in all ways: each takes the first.
    head, *rest = pieces
    if not rest:
        return re.compile(head, re.DOTALL)
    *middle, tail = rest
    return re.compile(head + "".join(f"(?>.*?{each})" for each in middle) + f".*{tail}", re.DOTALL)


def _kind(value: object) -> ObjectKind:
    for kind in PRIVILEGES:
        if kind == value:
            return kind
    raise ValueError(f"{value!r} is no kind of object")


def _name(value: object) -> str:
    """Return a name as PostgreSQL takes it whole."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("that is no name")
    if len(value.encode()) > MOST_BYTES:
        raise ValueError("that name would be cut")
    return value


def _pattern(value: object, *, wanted: bool) -> str:
    if not wanted:
        if value != "":
            raise ValueError("that kind has no such name")
        return ""
    return _name(value)
