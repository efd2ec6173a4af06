"""For code scanning: the Static Analysis Results Interchange Format 2.1.0 (OASIS)."""

import os
from typing import Any
from urllib.parse import quote

from pgward.hba.check.finding import Finding
from pgward.hba.check.fix import Edit
from pgward.hba.check.report.made import Report, shown
from pgward.hba.check.rule import Rule
from pgward.hba.syntax.files import Place

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def document(report: Report, *, program_version: str, directory: str) -> dict[str, Any]:
    """Return the log of one run; what is below ``directory`` is named relative to it."""
    indexes = {rule.id: index for index, rule in enumerate(report.rules)}
    rules = {rule.id: rule for rule in report.rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "pgward hba check",
                        "version": program_version,
                        "rules": [_rule(each) for each in report.rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(each, rules[each.rule], indexes[each.rule], directory)
                    for each in report.findings
                ],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(finding: Finding, rule: Rule, index: int, directory: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity.value,
        "message": {"text": shown(finding.message)},
    }
    if finding.place is not None:
        found["locations"] = [{"physicalLocation": _location(finding.place, directory)}]
    if finding.ignored is not None:
        reason = shown(finding.ignored)
        found["suppressions"] = [{"kind": "inSource", "justification": reason}]
    if isinstance(finding.fix, Edit):
        found["fixes"] = [_fix(finding.fix, rule, directory)]
    return found


def _fix(fix: Edit, rule: Rule, directory: str) -> dict[str, Any]:
    """Return an edit as a fix (section 3.55); a mode has no form here."""
    region = {
        **dict(zip(("startLine", "startColumn"), fix.begins, strict=True)),
        **dict(zip(("endLine", "endColumn"), fix.ends, strict=True)),
    }
    text = fix.text.decode("utf-8", "backslashreplace")
    replacement = {"deletedRegion": region, "insertedContent": {"text": text}}
    location = {"uri": _uri(fix.path, directory)}
    return {
        "description": {"text": rule.fix},
        "artifactChanges": [{"artifactLocation": location, "replacements": [replacement]}],
    }


def _location(place: Place, directory: str) -> dict[str, Any]:
    region = {"startLine": place.line}
    if place.column:
        region["startColumn"] = place.column
    return {"artifactLocation": {"uri": _uri(place.path, directory)}, "region": region}


def _uri(path: str, directory: str) -> str:
    """Return a relative reference (RFC 3986) for what is below the directory, else a file URI."""
    absolute = os.path.normpath(os.path.join(directory, path))  # noqa: PTH118 - names alone
    below = directory.rstrip("/") + "/"
    if absolute.startswith(below):
        # A colon in the first segment would make a scheme of it; quote escapes it.
        return _quoted(absolute.removeprefix(below))
    return "file://" + _quoted(absolute)


def _quoted(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"))
