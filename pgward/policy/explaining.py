"""Which rule decides, and why the others do not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgward.policy import cel
from pgward.policy.cel import Failed, Variables
from pgward.policy.context import Context, Statement
from pgward.policy.role_guard import RoleGuard
from pgward.policy.rules import Decision, Engine, Step, Test
from pgward.policy.statements import classify

DECIDES, NOT, NOT_ASKED = "decides", "does not hold", "not asked: decided already"


@dataclass(frozen=True, slots=True)
class Looked:
    """One rule: what came of its condition, and of each expression in it that matters."""

    step: Step
    what: str
    because: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        rule = self.step.rule
        return {
            "policy": self.step.policy,
            "rule": rule.name,
            "on": rule.on.value,
            "priority": rule.priority,
            "effect": rule.effect.value,
            "outcome": self.what,
            "because": [{"match": source, "is": found} for source, found in self.because],
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with all rules in the order in which they are looked at."""

    decision: Decision
    rules: tuple[Looked, ...]
    statement: Statement | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        decision = self.decision
        return {
            "allowed": decision.allowed,
            "policy": decision.policy,
            "rule": decision.rule or None,
            "reason": decision.reason or None,
            "rules": [each.to_json() for each in self.rules],
            "statement": None if self.statement is None else statement_json(self.statement),
        }


def statement_json(statement: Statement) -> dict[str, Any]:
    """Return what rules know of a statement, for programs and people."""
    if not statement.parsed:
        return {"kind": statement.kind, "whole": statement.whole, "why": statement.why}
    names = ("kinds", "tables", "functions", "settings")
    lists = {name: list(getattr(statement, name)) for name in names}
    text = {"why": statement.why} if statement.why else {"text": statement.text}
    return {"kind": statement.kind, **lists, "reads": statement.reads, **text}


def connection(
    engine: Engine, context: Context, now: datetime, shut: Decision | None = None
) -> Explanation:
    """Explain what becomes of a connection; ``shut`` is what keeps it out before all rules."""
    if shut is not None:
        return Explanation(shut, ())
    looked = _look(engine.connects, cel.bind(context, now))
    return Explanation(engine.connect(context, now), looked)


def one_statement(
    engine: Engine, context: Context, now: datetime, statement: Statement
) -> Explanation:
    """Explain what becomes of a statement."""
    looked = _look(engine.statements, cel.bind(context, now, statement))
    return Explanation(engine.statement(context, now, statement), looked, statement)


def text(
    engine: Engine, guard: RoleGuard | None, context: Context, now: datetime, said: bytes
) -> list[Explanation]:
    """Explain what becomes of each statement of a text; what the guard denies is denied whole."""
    statements = classify(said)
    kept = None if guard is None else guard.denial(said)
    if kept is not None:
        return [Explanation(kept, (), each) for each in statements]
    return [one_statement(engine, context, now, each) for each in statements]


def _look(steps: Sequence[Step], variables: Variables) -> tuple[Looked, ...]:
    found: list[Looked] = []
    decided = False
    for step in steps:
        if decided:
            found.append(Looked(step, NOT_ASKED))
            continue
        outcome = step.test.outcome(variables)
        decided = outcome is True or (isinstance(outcome, Failed) and not step.rule.effect.allows)
        because = tuple(_because(step.test, variables))
        found.append(Looked(step, _said(outcome, decided=decided), because))
    return tuple(found)


def _said(outcome: bool | Failed, *, decided: bool) -> str:
    if isinstance(outcome, Failed):
        return f"{DECIDES}: a denial that fails denies" if decided else "fails: it does not allow"
    return DECIDES if decided else NOT


def _because(test: Test, variables: Variables) -> Iterator[tuple[str, str]]:
    for match in test.matches():
        found = match.evaluate(variables)
        said = f"fails: {found.why}" if isinstance(found, Failed) else str(found).lower()
        yield match.source, said
