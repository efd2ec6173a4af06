"""Which of a service's configurations a connection gets, and what of the others.

An edge decides the same, with ``tunnel.edge.state_postgres``: the first rule that matches, and no
connection where one cannot be decided, or where none matches and the service has nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgward.policy import cel
from pgward.policy.cel import Failed, Variables
from pgward.policy.rules import Decision

NAME = "configs"
"""How it is called where it decides."""
_PORT = 5432
_NEEDED = ("user", "auth")
_CHOSEN, _NOT, _NOT_ASKED = "chosen", "does not match", "not asked: chosen already"
_NOT_COPIED = ("configs", "rules")


@dataclass(frozen=True, slots=True)
class Looked:
    """One rule, and what came of it."""

    config: str
    match: str | None
    what: str

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"config": self.config, "match": self.match, "outcome": self.what}


@dataclass(frozen=True, slots=True)
class Choice:
    """The configuration that is chosen: None for the block's own, and what it says.

    ``problem`` is why there is none.
    """

    name: str | None
    block: Mapping[str, Any]
    looked: Sequence[Looked] = ()
    problem: str | None = None

    @property
    def refusal(self) -> Decision | None:
        """The decision where there is no configuration."""
        if self.problem is None:
            return None
        return Decision(allowed=False, rule=NAME, reason=self.problem)

    def told(self) -> str:
        """Return it for people: its name, and where it leads."""
        name = "the service's own configuration" if self.name is None else f"config {self.name}"
        servers = ", ".join(
            f"{each.get('host')}:{each.get('port', _PORT)}"
            for each in self.block.get("upstreams") or ()
        )
        rules = (f"{each} {_rule(self.block.get(each))}" for each in ("user", "database"))
        return f"{name}: {servers}; {'; '.join(rules)}"

    def to_json(self) -> dict[str, Any]:
        """Return it for programs, with what tells where a connection leads."""
        says = {} if self.problem else {name: self.block.get(name) for name in _SHOWN}
        return {
            "name": self.name,
            "problem": self.problem,
            **says,
            "rules": [each.to_json() for each in self.looked],
        }


_SHOWN = ("upstreams", "user", "database", "recording")


def choose(
    block: Mapping[str, Any], upstream: Mapping[str, Any] | None, variables: Variables
) -> Choice:
    """Choose for a connection (``cel.bind``); ``block`` is ``postgres``.

    Raises ConditionError for a rule that cannot be read.
    """
    own = {name: each for name, each in block.items() if name not in _NOT_COPIED}
    if upstream is not None:
        own.setdefault("upstreams", [upstream])
    configs = block.get("configs") or {}
    looked: list[Looked] = []
    found: Choice | None = None
    for number, rule in enumerate(block.get("rules") or (), 1):
        match, name = rule.get("match"), str(rule.get("config"))
        if found is not None:
            looked.append(Looked(name, match, _NOT_ASKED))
            continue
        outcome = True if match is None else cel.compile(str(match)).evaluate(variables)
        looked.append(Looked(name, match, _said(outcome)))
        if isinstance(outcome, Failed):
            why = f"rule {number} of the service's configurations cannot be decided: {outcome.why}"
            found = Choice(None, own, problem=why)
        elif outcome:
            found = Choice(name, _over(own, configs.get(name) or {}))
    if found is None:
        found = Choice(None, own, problem=_lacking(own) if configs else None)
    return Choice(found.name, found.block, tuple(looked), found.problem)


def _over(own: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with what it takes from the block around it."""
    said = {name: each for name, each in config.items() if each is not None}
    return {**own, **said}


def _lacking(own: Mapping[str, Any]) -> str | None:
    is_whole = own.get("upstreams") and all(own.get(name) for name in _NEEDED)
    return None if is_whole else "none of the service's configurations is for you"


def _rule(rule: Mapping[str, Any] | None) -> str:
    """Return who says as whom, or where, people land."""
    said = rule or {}
    if said.get("force"):
        return str(said["force"])
    own = ["the person's own"] if said.get("fromPerson") else []
    names = [*own, *map(str, said.get("allow") or ())]
    default = f" (default {said['default']})" if said.get("default") else ""
    return (" or ".join(names) or "any") + default


def _said(outcome: bool | Failed) -> str:
    if isinstance(outcome, Failed):
        return f"fails, so nobody gets in: {outcome.why}"
    return _CHOSEN if outcome else _NOT
