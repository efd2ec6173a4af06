"""What a service's policies, and the service itself, say to one question: the whole reasoning."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pgward.client.policy_configs import Choice
from pgward.client.policy_sources import Ruled
from pgward.policy import explaining
from pgward.policy.cases import Asked
from pgward.policy.context import Context
from pgward.policy.explaining import Explanation
from pgward.policy.rules import Engine


@dataclass(frozen=True, slots=True)
class Answers:
    """What becomes of the connection, and of each statement; which configuration it gets.

    ``choice`` is None where there are not several, or nobody gets so far.
    """

    connection: Explanation
    statements: Sequence[Explanation]
    choice: Choice | None
    is_ruled: bool

    @property
    def every(self) -> list[Explanation]:
        """The connection's, and then the statements'."""
        return [self.connection, *self.statements]

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        config = None if self.choice is None else self.choice.to_json()
        return {
            "connection": {**self.connection.to_json(), "config": config},
            "statements": [each.to_json() for each in self.statements],
        }


def answers(ruled: Ruled, asked: Asked, sql: str) -> Answers:
    """Decide about a connection, and about the statements of a text once it is there."""
    engine = Engine.compile(ruled.policies)
    context, at = asked.context, asked.at
    connection = explaining.connection(engine, context, at, ruled.shut(context))
    choice = _choice(ruled, connection, context, at)
    refusal = ruled.unlanded(context, at) if connection.decision.allowed else None
    if refusal is not None:
        connection = replace(connection, decision=refusal)
    statements: Sequence[Explanation] = ()
    if ruled.is_ruled:
        guard = ruled.guard(context, at)
        statements = explaining.text(engine, guard, context, at, sql.encode())
    return Answers(connection, statements, choice, ruled.is_ruled)


def _choice(ruled: Ruled, found: Explanation, context: Context, at: datetime) -> Choice | None:
    """Return the configuration, where there are several and somebody gets so far."""
    is_among_several = bool(ruled.block.get("rules")) and found.decision.allowed
    return ruled.chosen(context, at) if is_among_several else None
