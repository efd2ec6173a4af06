"""What policies say of oneself: the CA decides, and shows what decides and not the rules.

Statements are taken apart here: the CA sees what they are, and their texts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pgward.client import options
from pgward.policy.context import Statement
from pgward.policy.explaining import Explanation
from pgward.policy.role_guard import RoleGuard
from pgward.policy.rules import Decision
from pgward.policy.statements import classify
from pgward.system import terminal

SAID = ("role", "database", "application", "method", "reason")
"""What one may say of a connection of one's own; the CA knows the rest."""
_OF_STATEMENTS = (
    *("kind", "kinds", "tables", "names", "functions", "settings"),
    *("text", "whole", "reads", "parsed", "why"),
)


def ask(service: str, sql: str, said: Mapping[str, Any]) -> list[Explanation]:
    """Return what becomes of a connection, and of each statement; raise as the CA refuses."""
    statements = classify(sql.encode())
    question = {"service": service, "statements": [_shown(each) for each in statements]}
    with options.api() as api:
        found = api.post("/v1/me/policies", question | {name: said[name] for name in SAID})
    answers = [Explanation(_decision(found["connection"]), ())]
    if not found["ruled"]:
        terminal.note(f"{service} is in mode tcp: no policy applies, and no statement is seen")
        return answers
    return answers + _statements(found, statements, sql)


def _statements(
    found: Mapping[str, Any], statements: Sequence[Statement], sql: str
) -> list[Explanation]:
    guard = None if found["kept"] is None else RoleGuard(**found["kept"])
    kept = None if guard is None else guard.denial(sql.encode())
    decisions = [kept or _decision(each) for each in found["statements"]]
    both = zip(decisions, statements, strict=True)
    return [Explanation(decision, (), each) for decision, each in both]


def _shown(statement: Statement) -> dict[str, Any]:
    found = {name: getattr(statement, name) for name in _OF_STATEMENTS}
    return {n: list(v) if isinstance(v, tuple) else v for n, v in found.items()}


def _decision(fields: Mapping[str, Any]) -> Decision:
    return Decision(**{name: fields[name] for name in ("allowed", "policy", "rule", "reason")})
