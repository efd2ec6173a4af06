"""What a rule found, and where."""

from dataclasses import dataclass
from enum import StrEnum

from pgward.hba.check.fix import Fix
from pgward.hba.syntax.files import Place


class Severity(StrEnum):
    """How bad it is; the names are those of SARIF (section 3.27.10)."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Its place, the least first."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """``place`` is None for what stands nowhere, such as a setting that is missing.

    ``ignored`` is the reason that a comment gives for it; ``fix`` is what would mend it.
    """

    rule: str
    severity: Severity
    message: str
    place: Place | None = None
    ignored: str | None = None
    fix: Fix | None = None
