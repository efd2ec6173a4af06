"""Policies as people write them (``spec`` of the kind Policy), read without the authority.

The authority reads them with its own models (``pgward.ca.resources.policy``); the tests hold the
two against each other.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pgward.core.errors import InvalidInputError
from pgward.policy import cel
from pgward.policy.cel import ConditionError
from pgward.policy.context import On
from pgward.policy.model import MAX_DEPTH, Condition, Effect, How, Policy, Rule

_EVERYBODY = Condition(How.MATCH, "true")
_CONDITION = ("match", "matchAny", "any", "all", "none")


class SpecError(InvalidInputError):
    """A field that is wrong, by its path (``rules[0].effect``)."""

    def __init__(self, path: str, message: str) -> None:
        self.path, self.what = path.lstrip("."), message
        super().__init__(f"{self.path} {message}".strip())


def read_spec(name: str, spec: object) -> Policy:
    """Read the ``spec`` of a policy, and compile its conditions; raise SpecError."""
    fields = known(spec, "", ("rules", "connect", "statements"))
    statements = known(fields.get("statements", {}), "statements", ("default", "unparsed"))
    rules = tuple(_rules(fields.get("rules", [])))
    twice = next((each.name for each in rules if _count(rules, each.name) > 1), None)
    if twice is not None:
        raise SpecError("", f"has two rules called {twice!r}")
    connect = known(fields.get("connect", {}), "connect", ("default",))
    if "connect" in fields and "default" not in connect:
        raise SpecError("connect.default", "is missing")
    if not fields or not (rules or {"connect", "statements"} & fields.keys()):
        raise SpecError("", "says nothing: give rules, or a default")
    return Policy(
        name=name,
        rules=rules,
        connect=_effect(connect, "connect", "default"),
        statements=_effect(statements, "statements", "default"),
        unparsed=_effect(statements, "statements", "unparsed"),
    )


def known(value: object, path: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return an object that has no other fields than these; raise SpecError."""
    if not isinstance(value, dict):
        raise SpecError(path, "must be an object")
    for name in value:
        if name not in names:
            near = get_close_matches(str(name), names, n=1)
            more = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
            raise SpecError(f"{path}.{name}", f"is not a field; {more}")
    return value


def text(value: object, path: str) -> str:
    """Return a text; raise SpecError."""
    if not isinstance(value, str):
        raise SpecError(path, "is missing" if value is None else "must be a text")
    return value


def _count(rules: tuple[Rule, ...], name: str) -> int:
    return sum(each.name == name for each in rules)


def _rules(value: object) -> Iterator[Rule]:
    if not isinstance(value, list):
        raise SpecError("rules", "must be a list")
    for index, each in enumerate(value):
        path = f"rules[{index}]"
        names = ("name", "effect", "condition", "on", "priority", "reason")
        yield _rule(known(each, path, names), path)


def _rule(fields: Mapping[str, Any], path: str) -> Rule:
    priority = fields.get("priority", 0)
    if type(priority) is not int:
        raise SpecError(f"{path}.priority", "must be a whole number")
    effect = _effect(fields, path, "effect")
    if effect is None:
        raise SpecError(f"{path}.effect", "is missing")
    about = fields.get("on", On.CONNECT.value)
    if about not in (On.CONNECT, On.STATEMENT):
        raise SpecError(f"{path}.on", "must be 'connect' or 'statement'")
    on = On(about)
    return Rule(
        name=text(fields.get("name"), f"{path}.name"),
        effect=effect,
        condition=_condition(fields.get("condition"), f"{path}.condition", on, 0),
        on=on,
        priority=priority,
        reason=text(fields.get("reason", ""), f"{path}.reason"),
    )


def _effect(fields: Mapping[str, Any], path: str, name: str) -> Effect | None:
    value = fields.get(name)
    if value is None:
        return None
    if value not in list(Effect):
        raise SpecError(f"{path}.{name}", "must be 'ALLOW' or 'DENY'")
    return Effect(value)


def _condition(value: object, path: str, on: On, depth: int) -> Condition:
    if isinstance(value, str):
        value, path = {"match": value}, path.removesuffix(".match")
    if value is None:
        raise SpecError(path, "is missing")
    fields = known(value, path, _CONDITION)
    if len(fields) != 1:
        raise SpecError(path, "must have exactly one of match, matchAny, any, all and none")
    ((name, inner),) = fields.items()
    if name == "matchAny":
        if inner is not True:
            raise SpecError(f"{path}.matchAny", "must be true")
        return _EVERYBODY
    if name == How.MATCH:
        source = text(inner, f"{path}.match")
        _check(source, path, on)
        return Condition(How.MATCH, source)
    if not isinstance(inner, list) or not inner:
        raise SpecError(f"{path}.{name}", "must be a list with something in it")
    if depth == MAX_DEPTH:
        raise SpecError(path, f"is nested deeper than {MAX_DEPTH}")
    of = [
        _condition(each, f"{path}.{name}[{index}]", on, depth + 1)
        for index, each in enumerate(inner)
    ]
    return Condition(How(name), of=tuple(of))


def _check(source: str, path: str, on: On) -> None:
    try:
        cel.compile(source, on)
    except ConditionError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise SpecError(path, f"is not valid: {error.message}{hint}") from None
