"""A rule: what it looks for, why that matters, and an example of each kind."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pgward.hba.check.finding import Finding, Severity
from pgward.hba.check.fix import Fix
from pgward.hba.check.live import Live
from pgward.hba.check.material import Material
from pgward.hba.check.subject import Subject
from pgward.hba.syntax.dialects import Cockroach, Flags, Yugabyte
from pgward.hba.syntax.files import Place
from pgward.hba.syntax.versions import Abilities, Dialect

Found = Iterator[tuple[Place | None, str] | tuple[Place | None, str, Fix | None]]
"""Places, what is said of them, and how that would be mended."""


@dataclass(frozen=True, slots=True)
class Example:
    """Files that show a rule.

    ``flags`` are those of yb-tserver, where ``hba`` is the value of one.
    ``conf`` None leaves postgresql.conf out, ``material`` None what its TLS settings name, and
    ``live`` None the server.
    """

    hba: str = "local all all peer"
    ident: str = ""
    conf: str | None = None
    version: int = 16
    material: Material | None = None
    live: Live | None = None
    dialect: Dialect = Dialect.POSTGRESQL
    flags: Flags | None = None

    @property
    def able(self) -> Abilities:
        """Whose server reads them."""
        if self.dialect is Dialect.COCKROACHDB:
            return Cockroach()
        if self.dialect is Dialect.YUGABYTEDB:
            return Yugabyte(self.version, self.flags)
        return Abilities.of(self.version)


@dataclass(frozen=True, slots=True)
class Rule:
    """``name`` is what the rule is called in words; ``title`` says it in one sentence.

    ``fix`` says what is done about a finding, and why that is safe; empty where nothing is.
    """

    id: str
    name: str
    severity: Severity
    title: str
    why: str
    bad: Example
    good: Example
    look: Callable[[Subject], Found]
    fix: str = ""

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """Yield where a subject breaks the rule."""
        for place, message, *fix in self.look(subject):
            yield Finding(self.id, self.severity, message, place, fix=fix[0] if fix else None)


def rule(
    id_: str,
    name: str,
    severity: Severity,
    title: str,
    *,
    why: str,
    bad: Example,
    good: Example,
    fix: str = "",
) -> Callable[[Callable[[Subject], Found]], Rule]:
    """Make a rule of a function."""
    return lambda look: Rule(id_, name, severity, title, why, bad, good, look, fix)
