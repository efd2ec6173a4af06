"""Who may use a service: those whom it names, and those who have a live grant; edges decide so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.engine import Connection

from pgward.ca.access import live
from pgward.ca.resources.kinds import ServiceSpec


class Person(Protocol):
    """Somebody of the directory."""

    @property
    def name(self) -> str:
        """The name, as in certificates."""
        ...

    @property
    def groups(self) -> Sequence[str]:
        """All groups."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """What a person has at a service by all live grants, until the last of them ends."""

    until: datetime
    role: str | None
    names: tuple[str, ...]
    integration: str | None


def held(connection: Connection, user: str, now: datetime) -> dict[str, Held]:
    """Return by service what a person has, who is called exactly so."""
    found: dict[str, Held] = {}
    for grant in live.of_person(connection, user, now):
        before = found.get(grant.service, Held(grant.until, None, (), None))
        found[grant.service] = Held(
            until=max(before.until, grant.until),
            role=before.role or grant.role,
            names=tuple(sorted({*before.names, *grant.names})),
            integration=before.integration or grant.integration,
        )
    return found


def may_use(
    connection: Connection, service: str, spec: ServiceSpec, person: Person, now: datetime
) -> bool:
    """Tell whether a person may use a service now, if only for a time."""
    if spec.is_for(person.name, tuple(person.groups)):
        return True
    return service in held(connection, person.name, now)
