"""The kind Policy: rules, with conditions in CEL, that allow or deny connections and statements."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pgward.ca.resources.model import Label, Metadata, Model, checked
from pgward.core.errors import InvalidInputError
from pgward.policy import cel
from pgward.policy import model as policies
from pgward.policy.cel import ConditionError
from pgward.policy.context import On
from pgward.policy.model import MAX_DEPTH, MAX_LIST, MAX_MATCHES, MAX_RULES, Effect, How

_MAX_PRIORITY = 1000
_EVERYBODY = "true"


def _on_connect(source: str) -> str:
    cel.compile(source, On.CONNECT)
    return source


def _anywhere(source: str) -> str:
    cel.compile(source, On.STATEMENT)
    return source


def _reason(text: str) -> str:
    """Refuse what could disguise itself in a client's error message."""
    if not text.isprintable():
        raise InvalidInputError("it must be one line of printable letters")
    return text


def _shorthand(value: Any) -> Any:
    """Let a text stand for ``{match: text}``."""
    return {How.MATCH.value: value} if isinstance(value, str) else value


ConnectMatch = Annotated[str, checked(_on_connect)]
"""A CEL expression over what is known as a connection begins."""
_Match = Annotated[str, checked(_anywhere)]
_Reason = Annotated[str, Field(max_length=200), checked(_reason)]
_Effect = Literal["ALLOW", "DENY"]


class Condition(Model):
    """One of: an expression, or a list of which any, all or none must hold."""

    match: _Match | None = None
    match_any: Literal[True] | None = None
    any: Annotated[list["Conditions"], Field(min_length=1, max_length=MAX_LIST)] | None = None
    all: Annotated[list["Conditions"], Field(min_length=1, max_length=MAX_LIST)] | None = None
    none: Annotated[list["Conditions"], Field(min_length=1, max_length=MAX_LIST)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [each for each in (self.match, self.any, self.all, self.none) if each is not None]
        if len(given) + (self.match_any is not None) != 1:
            raise ValueError("must have exactly one of match, matchAny, any, all and none")
        return self

    def terms(self) -> policies.Condition:
        """Return it as engines read it."""
        if self.match is not None or self.match_any is not None:
            return policies.Condition(How.MATCH, self.match or _EVERYBODY)
        for how, of in ((How.ANY, self.any), (How.ALL, self.all), (How.NONE, self.none)):
            if of is not None:
                return policies.Condition(how, of=tuple(each.terms() for each in of))
        raise AssertionError("it has exactly one of them")


Conditions = Annotated[
    Condition, BeforeValidator(_shorthand, json_schema_input_type=Condition | str)
]
Condition.model_rebuild()


class Rule(Model):
    """An effect under a condition; a lower priority is looked at first."""

    name: Label
    effect: _Effect
    condition: Conditions
    on: Literal["connect", "statement"] = "connect"
    priority: Annotated[int, Field(ge=-_MAX_PRIORITY, le=_MAX_PRIORITY)] = 0
    reason: _Reason = ""

    @model_validator(mode="after")
    def _is_about_what_it_is_on(self) -> Self:
        terms = self.condition.terms()
        if _depth(terms) > MAX_DEPTH:
            raise ValueError(f"has a condition that is nested deeper than {MAX_DEPTH}")
        for path, source in terms.matches():
            try:
                cel.compile(source, On(self.on))
            except ConditionError as error:
                hint = f" ({error.hint})" if error.hint else ""
                raise ValueError(f"has a wrong {path}: {error.message}{hint}") from None
        return self

    def rule(self) -> policies.Rule:
        """Return it as engines read it."""
        return policies.Rule(
            name=self.name,
            effect=Effect(self.effect),
            condition=self.condition.terms(),
            on=On(self.on),
            priority=self.priority,
            reason=self.reason,
        )


def _depth(condition: policies.Condition) -> int:
    return max((_depth(each) + 1 for each in condition.of), default=0)


class ConnectDefault(Model):
    """What becomes of a connection about which no rule decides."""

    default: _Effect


class StatementsDefault(Model):
    """What becomes of statements about which no rule decides, and of those that do not parse."""

    default: _Effect | None = None
    unparsed: _Effect | None = None


class PolicySpec(Model):
    """Rules, and what holds where none of them decides."""

    rules: Annotated[list[Rule], Field(max_length=MAX_RULES)] = Field(default_factory=list)
    connect: ConnectDefault | None = None
    statements: StatementsDefault | None = None

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"has two rules called {twice!r}")
        if not (self.rules or self.connect or self.statements):
            raise ValueError("says nothing: give rules, or a default")
        if sum(1 for rule in self.rules for _ in rule.condition.terms().matches()) > MAX_MATCHES:
            raise ValueError(f"has more than {MAX_MATCHES} expressions")
        return self

    def policy(self, name: str) -> policies.Policy:
        """Return it as engines read it."""
        statements = self.statements or StatementsDefault()
        return policies.Policy(
            name=name,
            rules=tuple(rule.rule() for rule in self.rules),
            connect=Effect(self.connect.default) if self.connect else None,
            statements=Effect(statements.default) if statements.default else None,
            unparsed=Effect(statements.unparsed) if statements.unparsed else None,
        )

    def to_snapshot(self, name: str) -> dict[str, Any]:
        """Return it as edges get it; ``pgward.policy.model.from_snapshot`` reads it."""
        return policies.to_snapshot(self.policy(name))


class Policy(Model):
    """A resource of kind Policy."""

    kind: Literal["Policy"]
    metadata: Metadata
    spec: PolicySpec
