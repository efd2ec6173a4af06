"""Who may log in as which role on this host, as the CA tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pgward.core import names
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError, UnavailableError

MAX_BYTES = 63
"""As long as a role's name can be."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that a person may log in as; ``superuser`` when it may be a superuser's.

    ``until`` is its end by the CA's clock, where only a grant gives it.
    """

    role: str
    superuser: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """The role that is made for a person."""

    role: str
    superuser: bool = False
    member_of: tuple[str, ...] = ()
    connection_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, by the name in the certificate."""

    name: str
    roles: tuple[Grant, ...] = ()
    own: Own | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that the role maps say of this host; without ``maps`` there is none.

    ``left`` are those who may no longer log in at all, so that nobody wonders why they go.
    """

    digest: str = ""
    maps: tuple[str, ...] = ()
    people: tuple[Person, ...] = ()
    left: frozenset[str] = frozenset()
    drop_unowned: bool = False
    max_removed_percent: int = 50
    notes: tuple[str, ...] = ()

    @property
    def ends(self) -> dict[tuple[str, str], datetime]:
        """When whoever is a role by a grant alone ceases to be it: by person and role."""
        return {
            (person.name, each.role): each.until
            for person in self.people
            for each in person.roles
            if each.until is not None
        }

    @classmethod
    def read(cls, digest: str, fields: Mapping[str, Any]) -> Self:
        """Read the CA's answer; raise UnavailableError for what we cannot write into files."""
        try:
            return cls(
                digest=digest,
                maps=tuple(map(str, fields["maps"])),
                people=tuple(_person(each) for each in fields["people"]),
                left=frozenset(map(str, fields["left"])),
                drop_unowned=fields["drop"] == "unowned",
                max_removed_percent=int(fields["max_removed_percent"]),
                notes=tuple(map(str, fields["notes"])),
            )
        except (KeyError, TypeError, ValueError, AttributeError, InvalidInputError) as error:
            raise UnavailableError(
                "the CA's answer about roles cannot be read", hint="compare its version with ours"
            ) from error


def _person(fields: Mapping[str, Any]) -> Person:
    own = fields["own"]
    return Person(
        names.identity(fields["name"]),
        tuple(_grant(each) for each in fields["roles"]),
        None if own is None else _own(own),
    )


def _grant(fields: Mapping[str, Any]) -> Grant:
    until = fields.get("until")
    end = None if until is None else parse_rfc3339(until)
    return Grant(_role(fields["role"]), fields["superuser"] is True, end)


def _own(fields: Mapping[str, Any]) -> Own:
    limit = fields["connection_limit"]
    return Own(
        _role(fields["role"]),
        fields["superuser"] is True,
        tuple(_role(each) for each in fields["member_of"]),
        None if limit is None else int(limit),
    )


def _role(name: str) -> str:
    """Return a name that stands for itself in pg_ident.conf and in SQL, in quotes."""
    bad = not name.isprintable() or name.startswith("/") or len(name.encode()) > MAX_BYTES
    if not name or bad:
        raise InvalidInputError("that is no role's name")
    return name
