"""What an integration should have: the live grants, as the CA tells its connector."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from pgward.access.rights import MOST_BYTES, Rights
from pgward.core import names
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Grant:
    """Rights of a person until a time (the CA's clock); ``role`` is the person's access role.

    ``bundles`` are names of role bundles, which stand in ``Wanted``.
    """

    id: str
    person: str
    role: str
    until: datetime
    bundles: frozenset[str] = frozenset()
    rights: Rights = field(default_factory=Rights)

    def to_json(self) -> dict[str, Any]:
        """Return it as connectors are told."""
        return {
            "id": self.id,
            "person": self.person,
            "role": self.role,
            "until": rfc3339(self.until),
            "bundles": sorted(self.bundles),
            **self.rights.to_json(),
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote; raise InvalidInputError for anything else."""
        try:
            return cls(
                id=str(fields["id"]),
                person=names.identity(fields["person"]),
                role=_role(fields["role"]),
                until=parse_rfc3339(fields["until"]),
                bundles=frozenset(names.resource_name(each) for each in fields["bundles"]),
                rights=Rights.read(fields),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInputError("a grant cannot be read") from error


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of an integration's grants; ``version`` grows with each change at the CA.

    ``bundles`` are those that some grant names. ``reassign_to`` is the role that gets what an
    access role owns at its end; without one, such a role stays, and nobody can log in as it.
    ``passwords`` are the access roles that have one, with its version: each version is another.
    """

    version: int = 0
    bundles: Mapping[str, Rights] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()
    reassign_to: str | None = None
    passwords: Mapping[str, int] = field(default_factory=dict)

    def live(self, now: datetime) -> Self:
        """Return it with the grants only that are not over, and the bundles that those need."""
        grants = tuple(each for each in self.grants if now < each.until)
        needed = {name for each in grants for name in each.bundles}
        bundles = {name: rights for name, rights in self.bundles.items() if name in needed}
        roles = {each.role for each in grants}
        passwords = {role: each for role, each in self.passwords.items() if role in roles}
        return type(self)(self.version, bundles, grants, self.reassign_to, passwords)

    def next_end(self, now: datetime) -> datetime | None:
        """Return when the next of the live grants is over."""
        return min((each.until for each in self.grants if now < each.until), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return it as connectors are told."""
        return {
            "version": self.version,
            "bundles": {name: each.to_json() for name, each in sorted(self.bundles.items())},
            "grants": [each.to_json() for each in sorted(self.grants, key=lambda one: one.id)],
            "reassign_to": self.reassign_to,
            "passwords": dict(sorted(self.passwords.items())),
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote; raise InvalidInputError for anything else."""
        try:
            bundles = {
                names.resource_name(name): Rights.read(each)
                for name, each in fields["bundles"].items()
            }
            grants = tuple(Grant.read(each) for each in fields["grants"])
            reassign_to = fields["reassign_to"]
            passwords = {
                _role(role): int(each) for role, each in fields.get("passwords", {}).items()
            }
            version = int(fields["version"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInputError("the CA's answer about grants cannot be read") from error
        unknown = {name for each in grants for name in each.bundles} - bundles.keys()
        if unknown:
            raise InvalidInputError(f"a grant names a bundle that is not there: {min(unknown)}")
        heir = None if reassign_to is None else _role(reassign_to)
        return cls(version, bundles, grants, heir, passwords)


def _role(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InvalidInputError("that is no role's name")
    if len(value.encode()) > MOST_BYTES:
        raise InvalidInputError("the name of that role would be cut")
    return value
