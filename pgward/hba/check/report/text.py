"""For people, and for editors that jump to ``file:line:column``."""

from collections.abc import Iterator

from pgward.hba.check.finding import Finding
from pgward.hba.check.report.made import Report, shown, where


def write(report: Report, *, why: bool = False) -> str:
    """Return a line for each finding that no comment ignores, then how many there are.

    With ``why`` each rule's reason stands below the first finding of it.
    """
    return "\n".join(_lines(report, why=why))


def _lines(report: Report, *, why: bool) -> Iterator[str]:
    rules = {each.id: each for each in report.rules}
    told: set[str] = set()
    for each in report.findings:
        if each.ignored is not None:
            continue
        yield shown(_line(each))
        if why and each.rule not in told:
            told.add(each.rule)
            yield f"    {rules[each.rule].why}"
    yield ", ".join(_counted(count, what) for what, count in report.counts().items())
    if count := len(report.mendable):
        yield f"{count} of them can be mended: --diff shows how, --fix does it"


def _line(finding: Finding) -> str:
    return f"{where(finding)}{finding.severity.value} {finding.rule}: {finding.message}"


def _counted(count: int, what: str) -> str:
    plural = "" if count == 1 or what == "ignored" else "s"
    return f"{count} {what}{plural}"
