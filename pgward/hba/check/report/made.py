"""What is reported: findings, the rules that were looked at, and what counts as a failure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pgward.hba.check.finding import Finding, Severity
from pgward.hba.check.rule import Rule
from pgward.hba.syntax.versions import Dialect
from pgward.system.safe_text import clean


@dataclass(frozen=True, slots=True)
class Report:
    """``fail_on`` is the least severity that fails, or None: nothing does."""

    findings: Sequence[Finding]
    rules: Sequence[Rule]
    version: int
    fail_on: Severity | None = Severity.ERROR
    dialect: Dialect = Dialect.POSTGRESQL

    @property
    def failed(self) -> bool:
        """Whether anything found is a failure."""
        return any(map(self.fails, self.findings))

    @property
    def mendable(self) -> list[Finding]:
        """The findings that have a fix, and that no comment ignores."""
        return [each for each in self.findings if each.fix is not None and each.ignored is None]

    def fails(self, finding: Finding) -> bool:
        """Tell whether this finding is a failure."""
        if finding.ignored is not None or self.fail_on is None:
            return False
        return finding.severity.rank >= self.fail_on.rank

    def counts(self) -> dict[str, int]:
        """Return how many there are of each severity, the worst first, then of ignored ones."""
        found = Counter(each.severity for each in self.findings if each.ignored is None)
        ignored = sum(each.ignored is not None for each in self.findings)
        return {
            **{severity.value: found[severity] for severity in reversed(Severity)},
            "ignored": ignored,
        }


def where(finding: Finding) -> str:
    """Return what stands before a finding: its place, and a colon."""
    return "" if finding.place is None else f"{finding.place}: "


def shown(text: str) -> str:
    r"""Return one line that any output takes; bytes that are not UTF-8 are written ``\xff``."""
    return clean(text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
