"""Policies as data: rules, conditions as trees, and the form in which edges get them.

An edge that does not understand all of a policy must not half apply it: reading is strict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pgward.core.errors import InvalidInputError
from pgward.policy.context import On

MAX_RULES = 200
MAX_LIST = 50
MAX_DEPTH = 4
MAX_MATCHES = 500


class Effect(StrEnum):
    """What a rule does when its condition holds."""

    ALLOW = "ALLOW"
    DENY = "DENY"

    @property
    def allows(self) -> bool:
        """Tell whether it is ALLOW."""
        return self is Effect.ALLOW


class How(StrEnum):
    """How a condition is put together."""

    MATCH = "match"
    ANY = "any"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Condition:
    """One CEL expression (``source``), or ``any``, ``all`` or ``none`` of other conditions."""

    how: How
    source: str = ""
    of: tuple["Condition", ...] = ()

    def matches(self, path: str = "condition") -> Iterator[tuple[str, str]]:
        """Give every expression with where it stands (``condition.any[0].match``)."""
        if self.how is How.MATCH:
            yield f"{path}.{self.how}", self.source
        for index, inner in enumerate(self.of):
            yield from inner.matches(f"{path}.{self.how}[{index}]")


@dataclass(frozen=True, slots=True)
class Rule:
    """An effect under a condition; a lower ``priority`` is looked at first."""

    name: str
    effect: Effect
    condition: Condition
    on: On = On.CONNECT
    priority: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A named list of rules, and what it says where no rule decides (None: as is usual)."""

    name: str
    rules: tuple[Rule, ...] = ()
    connect: Effect | None = None
    statements: Effect | None = None
    unparsed: Effect | None = None


def to_snapshot(policy: Policy) -> dict[str, Any]:
    """Return a policy as edges get it: plain values for JSON."""
    defaults = {"connect": policy.connect, "statements": policy.statements}
    return {
        "name": policy.name,
        "rules": [_rule_out(rule) for rule in policy.rules],
        "defaults": {
            name: effect.value
            for name, effect in (defaults | {"unparsed": policy.unparsed}).items()
            if effect is not None
        },
    }


def from_snapshot(value: object) -> Policy:
    """Read what ``to_snapshot`` wrote; raise InvalidInputError for anything else.

    What is unknown is refused: a newer authority may mean something by it.
    """
    try:
        fields = _fields(value, {"name", "rules", "defaults"})
        defaults = _fields(fields["defaults"], {"connect", "statements", "unparsed"}, some=True)
        rules = tuple(_rule_in(each) for each in _list(fields["rules"]))
        effects = {name: Effect(effect) for name, effect in defaults.items()}
        return Policy(_text(fields["name"]), rules, **effects)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(
            f"a policy in the snapshot is not understood: {error}",
            hint="this edge may be older than the CA: bring it up to date",
        ) from None


def _rule_out(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "effect": rule.effect.value,
        "on": rule.on.value,
        "priority": rule.priority,
        "condition": _condition_out(rule.condition),
        "reason": rule.reason,
    }


def _condition_out(condition: Condition) -> dict[str, Any]:
    if condition.how is How.MATCH:
        return {How.MATCH.value: condition.source}
    return {condition.how.value: [_condition_out(each) for each in condition.of]}


def _rule_in(value: object) -> Rule:
    fields = _fields(value, {"name", "effect", "on", "priority", "condition", "reason"})
    if type(fields["priority"]) is not int:
        raise TypeError("a priority must be a whole number")
    return Rule(
        name=_text(fields["name"]),
        effect=Effect(fields["effect"]),
        condition=_condition_in(fields["condition"], 1),
        on=On(fields["on"]),
        priority=fields["priority"],
        reason=_text(fields["reason"]),
    )


def _condition_in(value: object, depth: int) -> Condition:
    ((name, inner),) = _fields(value, {each.value for each in How}, some=True).items()
    how = How(name)
    if how is How.MATCH:
        return Condition(how, _text(inner))
    found = _list(inner)
    if not found or depth > MAX_DEPTH:
        raise ValueError("a condition is empty, or nested too deeply")
    return Condition(how, of=tuple(_condition_in(each, depth + 1) for each in found))


def _fields(value: object, known: set[str], *, some: bool = False) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object is expected")
    unknown = value.keys() - known
    if unknown:
        raise ValueError(f"{min(unknown)!r} is unknown")
    missing = set() if some else known - value.keys()
    if missing:
        raise ValueError(f"{min(missing)!r} is missing")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is expected")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value
