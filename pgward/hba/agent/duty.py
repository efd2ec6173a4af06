"""What the agent asks of each of its duties."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Turn:
    """What a duty is told when its turn comes.

    ``news`` names the newest version of each part that the CA told of; it is empty until then.
    """

    now: datetime
    news: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a turn: in how many seconds the next is due, and what is not as it should be."""

    due_in: float
    problems: tuple[str, ...] = ()


class Duty(Protocol):
    """One thing that the agent keeps doing."""

    @property
    def name(self) -> str:
        """Its name in the log, in the health check and in metrics: short, lower case."""
        ...

    @property
    def follows(self) -> frozenset[str]:
        """The parts of the CA's news that call for a turn at once."""
        ...

    def run(self, turn: Turn) -> Done:
        """Do one round, and block as long as it takes; raise PgwardError when it cannot be done.

        It may be cut off at any moment, and is called again.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds; called once, after its last turn."""
        ...
