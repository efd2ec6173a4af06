"""A service as the person who may use it sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Self

from pgward.client.phrases import when
from pgward.core.address import Address
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class EdgeInfo:
    """An edge that leads to a service; ``server_name`` is what its certificate must name."""

    name: str
    address: Address
    server_name: str


@dataclass(frozen=True, slots=True)
class StepUp:
    """What a service asks for, and until when a proof counts there, by the CA's clock."""

    minutes: int
    factors: tuple[str, ...]
    proved_until: datetime | None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Read the API's."""
        until = value.get("proved_until")
        return cls(
            minutes=int(value["minutes"]),
            factors=tuple(str(each) for each in value["factors"]),
            proved_until=None if until is None else parse_rfc3339(until),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as data for people's programs."""
        until = self.proved_until
        return {
            "minutes": self.minutes,
            "factors": list(self.factors),
            "proved_until": None if until is None else rfc3339(until),
        }

    def is_proved(self, now: datetime) -> bool:
        """Tell whether connections need no more."""
        return self.proved_until is not None and now < self.proved_until


@dataclass(frozen=True, slots=True)
class Access:
    """That a person may use a service for a time, by a grant, and ``until`` when.

    ``role`` is the access role, where there is one; ``names`` are the bundles and roles that the
    person has; ``details`` are words of who runs the database.
    """

    until: datetime
    role: str | None
    names: tuple[str, ...]
    details: str

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Read the API's."""
        return cls(
            until=parse_rfc3339(value["until"]),
            role=value.get("role"),
            names=tuple(str(each) for each in value.get("names") or ()),
            details=value.get("details") or "",
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as data for people's programs."""
        return {
            "until": rfc3339(self.until),
            "role": self.role,
            "names": list(self.names),
            "details": self.details,
        }

    def told(self, service: str, now: datetime) -> list[str]:
        """Return what a person who connects should know: until when, and the details' lines."""
        how = "ends" if self.until > now else "ended"
        end = f"your access to {service} {how} {when(self.until, now)} ({rfc3339(self.until)})"
        return [end, *self.details.splitlines()]


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """One PostgreSQL target; ``server_name`` and ``ssl_mode`` are for PostgreSQL's own TLS."""

    name: str
    description: str
    mode: str
    server_name: str
    database: str | None
    ssl_mode: str
    edges: tuple[EdgeInfo, ...]
    step_up: StepUp | None = None
    access: Access | None = None

    def told(self, now: datetime) -> list[str]:
        """Return the lines that a person who connects should read."""
        return [] if self.access is None else self.access.told(self.name, now)

    def role_for(self, person: str) -> str:
        """Return the role to log in as: the access role where PostgreSQL itself does the login."""
        if self.is_aware or self.access is None or self.access.role is None:
            return person
        return self.access.role

    @property
    def is_aware(self) -> bool:
        """Whether the edge speaks PostgreSQL itself: there is no TLS but the link's own."""
        return self.mode == "postgres"

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Read the API's service."""
        return cls(
            name=value["name"],
            description=value.get("description") or "",
            mode=value["mode"],
            server_name=value["server_name"],
            database=value.get("database"),
            ssl_mode=value["ssl_mode"],
            edges=tuple(
                EdgeInfo(edge["name"], Address.parse(edge["address"]), edge["server_name"])
                for edge in value["edges"]
            ),
            step_up=StepUp.read(value["step_up"]) if value.get("step_up") else None,
            access=Access.read(value["access"]) if value.get("access") else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as data for people's programs."""
        return {
            "name": self.name,
            "description": self.description,
            "mode": self.mode,
            "server_name": self.server_name,
            "database": self.database,
            "ssl_mode": self.ssl_mode,
            "edges": [
                {"name": e.name, "address": str(e.address), "server_name": e.server_name}
                for e in self.edges
            ],
            "step_up": None if self.step_up is None else self.step_up.to_json(),
            "access": None if self.access is None else self.access.to_json(),
        }


def choose(services: Sequence[ServiceInfo], name: str) -> ServiceInfo:
    """Return the service called ``name``; raise NotFoundError, which offers the nearest name.

    One that is not there and one that is not for this person are the same answer.
    """
    for service in services:
        if service.name == name:
            return service
    near = get_close_matches(name, [service.name for service in services], n=1)
    raise NotFoundError(
        f"there is no service {name!r} for you",
        hint=f"did you mean {near[0]}?" if near else "pgward services lists those you may use",
    )
