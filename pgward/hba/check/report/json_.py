"""For programs: the findings as one document, which is written as JSON or YAML."""

from typing import Any

from pgward.hba.check.finding import Finding
from pgward.hba.check.fix import Fix, Mode
from pgward.hba.check.report.made import Report, shown
from pgward.hba.check.rule import Rule
from pgward.hba.syntax.versions import Dialect


def document(report: Report) -> dict[str, Any]:
    """Return what was found, and whether it fails."""
    rules = {each.id: each for each in report.rules}
    return {
        # CockroachDB is made of no PostgreSQL.
        "pg_version": None if report.dialect is Dialect.COCKROACHDB else report.version,
        "dialect": report.dialect.value,
        "failed": report.failed,
        "counts": report.counts(),
        "findings": [_finding(each, rules[each.rule]) for each in report.findings],
    }


def _finding(finding: Finding, rule: Rule) -> dict[str, Any]:
    place = finding.place
    return {
        "rule": finding.rule,
        "name": rule.name,
        "severity": finding.severity.value,
        "message": shown(finding.message),
        "file": None if place is None else shown(place.path),
        "line": None if place is None else place.line,
        "column": None if place is None else place.column or None,
        "ignored": None if finding.ignored is None else shown(finding.ignored),
        "fix": _fix(finding.fix),
    }


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    """Return what would be done: a mode, or bytes of a file that become others."""
    if fix is None:
        return None
    if isinstance(fix, Mode):
        return {"file": shown(fix.path), "mode": f"{fix.mode:04o}"}
    return {
        "file": shown(fix.path),
        "start": fix.start,
        "end": fix.end,
        "text": fix.text.decode("utf-8", "backslashreplace"),
    }
