"""A rule: what it looks for, why that matters, and an example of each kind."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pgward.hba.check.finding import Finding, Severity
from pgward.hba.check.subject import Subject
from pgward.hba.syntax.files import Place

Found = Iterator[tuple[Place | None, str]]
"""Places, and what is said of them."""


@dataclass(frozen=True, slots=True)
class Example:
    """Files that show a rule; ``conf`` None leaves postgresql.conf out."""

    hba: str = "local all all peer"
    ident: str = ""
    conf: str | None = None
    version: int = 16


@dataclass(frozen=True, slots=True)
class Rule:
    """``name`` is what the rule is called in words; ``title`` says it in one sentence."""

    id: str
    name: str
    severity: Severity
    title: str
    why: str
    bad: Example
    good: Example
    look: Callable[[Subject], Found]

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """Yield where a subject breaks the rule."""
        for place, message in self.look(subject):
            yield Finding(self.id, self.severity, message, place)


def rule(
    id_: str, name: str, severity: Severity, title: str, *, why: str, bad: Example, good: Example
) -> Callable[[Callable[[Subject], Found]], Rule]:
    """Make a rule of a function."""
    return lambda look: Rule(id_, name, severity, title, why, bad, good, look)
