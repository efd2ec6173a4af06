"""The kind AccessFlow: who may ask for which rights, for how long, and who says yes."""

import json
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pgward.access import approvals, people
from pgward.access.flows import MATCHING, Flow, Glass, Rule
from pgward.ca.resources.durations import Duration, duration
from pgward.ca.resources.model import MAX_LIST, Label, Labels, Metadata, Model, People, checked
from pgward.ca.resources.privileges import RightsSpec
from pgward.core.errors import InvalidInputError
from pgward.policy import cel
from pgward.policy.cel import ConditionError
from pgward.policy.context import On

MAX_APPROVALS = 10
MAX_RULES = 50
LONGEST = timedelta(days=90)
_MAX_PATTERN = 500
_REASONS = ("required", "optional")


def _match(source: str) -> str:
    cel.compile(source, On.REQUEST)
    return source


def reason_condition(pattern: str) -> str:
    """Return the condition that a reason matches a regular expression (RE2: never slow)."""
    return f"ctx.request.reason.matches({json.dumps(pattern, ensure_ascii=False)})"


def _pattern(source: str) -> str:
    if not source.isprintable() or not source:
        raise InvalidInputError("it is no regular expression")
    try:
        cel.compile(reason_condition(source), On.REQUEST)
    except ConditionError as error:
        raise InvalidInputError(
            f"{source!r} is no regular expression", hint="in RE2's words"
        ) from error
    return source


def _length(text: str) -> str:
    if duration(text) > LONGEST:
        raise InvalidInputError(f"{text} is more than {LONGEST.days}d")
    if duration(text) < timedelta(minutes=1):
        raise InvalidInputError(f"{text} is less than 1m")
    return text


Length = Annotated[Duration, checked(_length)]


class ReasonPattern(Model):
    """A reason is asked for, and must look like this."""

    matches: Annotated[str, Field(max_length=_MAX_PATTERN), checked(_pattern)]


def _reason(value: Any) -> Any:
    """Say in one sentence what may stand there: of several ways none is the nearest."""
    if isinstance(value, ReasonPattern) or value in _REASONS:
        return value
    if isinstance(value, dict) and set(value) == {"matches"} and isinstance(value["matches"], str):
        try:
            return ReasonPattern.model_construct(matches=_pattern(value["matches"]))
        except InvalidInputError as error:
            raise ValueError(f"is not valid: {error.message} ({error.hint})") from error
    raise ValueError("must be 'required', 'optional' or {matches: a regular expression}")


def _people(named: People) -> people.People:
    return people.People.of(named.users, named.groups)


class Approval(People):
    """Who says yes: so many of these people, of the server's owners, of the resource's owners."""

    integration_owner: bool = False
    resource_owner: bool = False
    count: Annotated[int, Field(ge=1, le=20)] = 1

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not (self.users or self.groups or self.integration_owner or self.resource_owner):
            raise ValueError(
                "names nobody: give users, groups, integrationOwner: true or resourceOwner: true"
            )
        return self

    def approval(self) -> approvals.Approval:
        """Return it as it is decided by."""
        return approvals.Approval(
            _people(self), self.integration_owner, self.resource_owner, self.count
        )


class Automatic(Model):
    """A condition on requests under which nobody needs to be asked."""

    name: Label
    match: Annotated[str, checked(_match)]


class Askers(People):
    """Who may ask: these people."""

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not (self.users or self.groups):
            raise ValueError("names nobody: give users or groups")
        return self


class BreakGlass(Model):
    """Who gets access at once in an emergency; others are alarmed, and look at it afterwards."""

    who: Askers
    max_duration: Length


class Extend(Model):
    """A grant may be made longer, to this much in all."""

    max_total: Length


class AccessFlowSpec(RightsSpec):
    """For which services it is; what may be asked for, by whom, and who decides.

    ``roles`` and ``privileges`` are bounds: what is asked for must be within them. A flow without
    bundles, roles and privileges lets people in, and gives no rights on a server.
    """

    services: Annotated[list[Label], Field(min_length=1, max_length=MAX_LIST)] | None = None
    service_labels: Annotated[Labels, Field(min_length=1)] | None = None
    who: Askers
    bundles: Annotated[list[Label], Field(max_length=MAX_LIST)] = Field(default_factory=list)
    max_duration: Length
    default_duration: Length | None = None
    reason: Annotated[Literal["required", "optional"] | ReasonPattern, BeforeValidator(_reason)] = (
        "required"
    )
    approvals: Annotated[list[Approval], Field(max_length=MAX_APPROVALS)]
    automatic: Annotated[list[Automatic], Field(max_length=MAX_RULES)] = Field(default_factory=list)
    expires_after: Length = "24h"
    remind_after: Length | None = None
    break_glass: BreakGlass | None = None
    extend: Extend | None = None

    @model_validator(mode="after")
    def _is_for_a_service(self) -> Self:
        if (self.services is None) == (self.service_labels is None):
            raise ValueError("must have services, or serviceLabels")
        return self

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.default_duration and duration(self.default_duration) > self.longest:
            raise ValueError("defaultDuration is more than maxDuration")
        if self.remind_after and duration(self.remind_after) >= duration(self.expires_after):
            raise ValueError("remindAfter is not before expiresAfter")
        if self.extend is not None and duration(self.extend.max_total) < self.longest:
            raise ValueError("extend.maxTotal is less than maxDuration")
        return self

    @model_validator(mode="after")
    def _rules_have_names(self) -> Self:
        names = [each.name for each in self.automatic]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"has two automatic rules called {twice!r}")
        return self

    @property
    def longest(self) -> timedelta:
        """Return for how long it may be asked for at most."""
        return duration(self.max_duration)

    @property
    def usual(self) -> timedelta:
        """Return for how long it is when nobody says."""
        if self.default_duration is None:
            return min(timedelta(hours=1), self.longest)
        return duration(self.default_duration)

    def flow(self, name: str, version: int) -> Flow:
        """Return it as it is decided by."""
        pattern = self.reason.matches if isinstance(self.reason, ReasonPattern) else None
        glass, extend = self.break_glass, self.extend
        return Flow(
            name=name,
            version=version,
            who=_people(self.who),
            longest=self.longest,
            usual=self.usual,
            lapses=duration(self.expires_after),
            services=frozenset(self.services or ()),
            labels=dict(self.service_labels or {}),
            bundles=frozenset(self.bundles),
            bounds=self.rights(),
            reason=MATCHING if pattern is not None else str(self.reason),
            pattern="" if pattern is None else reason_condition(pattern),
            pattern_text=pattern or "",
            approvals=tuple(each.approval() for each in self.approvals),
            automatic=tuple(Rule(each.name, each.match) for each in self.automatic),
            reminds=None if self.remind_after is None else duration(self.remind_after),
            glass=None
            if glass is None
            else Glass(_people(glass.who), duration(glass.max_duration)),
            longest_in_all=None if extend is None else duration(extend.max_total),
        )


class AccessFlow(Model):
    """A resource of kind AccessFlow."""

    kind: Literal["AccessFlow"]
    metadata: Metadata
    spec: AccessFlowSpec
