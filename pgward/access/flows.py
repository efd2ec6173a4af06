"""Access flows: whether somebody may ask for something, and whether a rule says yes by itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self

from pgward.access.approvals import Approval
from pgward.access.people import People, Person
from pgward.access.rights import ANY, ObjectRights, Rights, matches
from pgward.core import names
from pgward.core.errors import InvalidInputError
from pgward.policy import cel
from pgward.policy.context import AccessRequest, On, ServiceFacts, User

REQUIRED: Final = "required"
OPTIONAL: Final = "optional"
MATCHING: Final = "matching"
MAX_REASON: Final = 500
MIN_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """Rights that somebody asks for: bundles by name, and memberships and objects."""

    bundles: frozenset[str] = frozenset()
    rights: Rights = field(default_factory=Rights)

    def __bool__(self) -> bool:
        return bool(self.bundles or self.rights.roles or self.rights.objects)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of bundles and roles, for conditions."""
        return (*sorted(self.bundles), *sorted(self.rights.roles))

    def to_json(self) -> dict[str, Any]:
        """Return it as the store keeps it."""
        return {"bundles": sorted(self.bundles), **self.rights.to_json()}

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote; raise InvalidInputError for anything else."""
        try:
            bundles = frozenset(names.resource_name(each) for each in kept["bundles"])
        except (KeyError, TypeError) as error:
            raise InvalidInputError("what was asked for cannot be read") from error
        return cls(bundles, Rights.read(kept))


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on requests, in CEL, under which nobody is asked."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Glass:
    """Who may break it, and for how long."""

    who: People
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Flow:
    """An access flow; ``pattern`` is the condition on reasons where those must match.

    Either ``services`` names services, or ``labels`` are those that they have.
    """

    name: str
    version: int
    who: People
    longest: timedelta
    usual: timedelta
    lapses: timedelta
    services: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    bundles: frozenset[str] = frozenset()
    bounds: Rights = field(default_factory=Rights)
    reason: str = REQUIRED
    pattern: str = ""
    pattern_text: str = ""
    approvals: tuple[Approval, ...] = ()
    automatic: tuple[Rule, ...] = ()
    reminds: timedelta | None = None
    glass: Glass | None = None
    longest_in_all: timedelta | None = None

    def is_for(self, service: str, labels: Mapping[str, str]) -> bool:
        """Tell whether it is about a service."""
        if self.services:
            return service in self.services
        return bool(self.labels) and self.labels.items() <= labels.items()

    @property
    def offers_rights(self) -> bool:
        """Whether there is anything to ask for but to get in."""
        return bool(self.bundles or self.bounds.roles or self.bounds.objects)

    def lets_ask(self, person: Person, *, break_glass: bool = False) -> bool:
        """Tell whether a person may ask."""
        if break_glass:
            return self.glass is not None and self.glass.who.names(person)
        return self.who.names(person)

    def limit(self, *, break_glass: bool = False) -> timedelta:
        """Return for how long it gives something at most."""
        return self.glass.longest if break_glass and self.glass is not None else self.longest

    def length(self, seconds: int | None, *, break_glass: bool = False) -> timedelta:
        """Return for how long it is asked; raise InvalidInputError for too long or too short."""
        most = self.limit(break_glass=break_glass)
        if seconds is None:
            return min(self.usual, most)
        if seconds < MIN_SECONDS:
            raise InvalidInputError(f"it is for at least {MIN_SECONDS} seconds")
        if seconds > most.total_seconds():
            raise InvalidInputError(
                f"the flow {self.name} gives it for {said(most)} at most, not"
                f" {said(timedelta(seconds=seconds))}"
            )
        return timedelta(seconds=seconds)


def said(length: timedelta) -> str:
    """Write a length of time as people do: ``90m``, ``8h``, ``3d``."""
    seconds = int(length.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def uncovered(flow: Flow, asked: Asked) -> str | None:
    """Return what is not within a flow's bounds, in words; None when all is."""
    for bundle in sorted(asked.bundles - flow.bundles):
        return f"the bundle {bundle}"
    for role in sorted(asked.rights.roles - flow.bounds.roles):
        return f"the role {role}"
    for each in sorted(asked.rights.objects):
        for privilege in each.privileges:
            if not any(_bounds(bound, each, privilege) for bound in flow.bounds.objects):
                return f"{privilege} on {place(each)}"
    return None


def _bounds(bound: ObjectRights, asked: ObjectRights, privilege: str) -> bool:
    """Tell whether a privilege on what is asked for is within a bound.

    A star among the letters asked for is met only by a star, which meets all that it stands for.
    """
    return (
        bound.kind == asked.kind
        and privilege in bound.privileges
        and (bound.future or not asked.future)
        and matches(bound.database, asked.database)
        and bound.covers(asked.schema, asked.name)
    )


def place(each: ObjectRights) -> str:
    """Write on what rights are, for people: ``table shop.public.orders``."""
    parts = [part for part in (each.database, each.schema, each.name) if part]
    return f"{each.kind} {'.'.join(parts)}{' and those to come' if each.future else ''}"


def described(asked: Asked) -> tuple[str, ...]:
    """Write what is asked for, a line each, for people."""
    return (
        *(f"bundle {each}" for each in sorted(asked.bundles)),
        *(f"role {each}" for each in sorted(asked.rights.roles)),
        *(
            f"{', '.join(each.privileges)} on {place(each)}"
            for each in sorted(asked.rights.objects)
        ),
    )


def check_asked(asked: Asked) -> None:
    """Refuse what no server could be asked for; raise InvalidInputError."""
    for each in asked.rights.objects:
        if ANY in each.database:
            raise InvalidInputError(
                "rights are asked for in one database, not in those of a pattern"
            )


def check_reason(flow: Flow, request: AccessRequest, now: datetime) -> None:
    """Refuse a reason that is missing, or not as the flow wants it; raise InvalidInputError."""
    reason = request.reason
    if len(reason) > MAX_REASON or not all(each.isprintable() or each == "\n" for each in reason):
        raise InvalidInputError(f"the reason is text of at most {MAX_REASON} printable letters")
    if not reason.strip() and (flow.reason != OPTIONAL or request.break_glass):
        raise InvalidInputError("a reason is asked for", hint="--reason TEXT")
    if (
        flow.reason == MATCHING
        and not request.break_glass
        and not holds(flow.pattern, request, now)
    ):
        raise InvalidInputError(
            f"the reason is not as the flow {flow.name} wants it",
            hint=f"pgward request {request.service.name} shows what it must look like",
        )


def rule_for(flow: Flow, request: AccessRequest, now: datetime) -> str | None:
    """Return the name of the first automatic rule that says yes; what fails says no."""
    found = (rule.name for rule in flow.automatic if holds(rule.source, request, now))
    return next(found, None)


def holds(source: str, request: AccessRequest, now: datetime) -> bool:
    """Tell whether a condition on requests holds."""
    return cel.compile(source, On.REQUEST).holds(cel.bind_request(request, now))


def as_request(
    person: Person,
    service: str,
    labels: Mapping[str, str],
    asked: Asked,
    *,
    reason: str,
    seconds: int,
    break_glass: bool,
) -> AccessRequest:
    """Return a request as conditions see it."""
    return AccessRequest(
        User(person.name, tuple(sorted(person.groups)), person.email),
        ServiceFacts(service, labels),
        bundles=tuple(sorted(asked.bundles)),
        roles=tuple(sorted(asked.rights.roles)),
        reason=reason,
        seconds=seconds,
        break_glass=break_glass,
    )


def best(flows: Iterable[Flow]) -> list[Flow]:
    """Return flows in the order in which they are tried: who needs the fewest to say yes first."""
    return sorted(flows, key=lambda each: (sum(one.count for one in each.approvals), each.name))
