"""For CI servers: JUnit's XML, with one test case for each rule."""

import re
from collections import defaultdict
from xml.etree import ElementTree as ET

from pgward.hba.check.finding import Finding
from pgward.hba.check.report.made import Report, shown, where

# What is left of it: control characters are shown as escapes.
_BEYOND_XML = re.compile("[\ufffe\uffff]")
_SUITE = "pgward hba check"


def write(report: Report) -> str:
    """Return one suite; a rule fails by what the report counts as a failure, the rest is output."""
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for each in report.findings:
        by_rule[each.rule].append(each)
    suite = ET.Element("testsuite", name=_SUITE, tests=str(len(report.rules)))
    failures = 0
    for rule in report.rules:
        case = ET.SubElement(
            suite, "testcase", classname="pgward.hba.check", name=f"{rule.id} {rule.name}"
        )
        failing = [each for each in by_rule[rule.id] if report.fails(each)]
        others = [each for each in by_rule[rule.id] if not report.fails(each)]
        if failing:
            failures += 1
            failure = ET.SubElement(case, "failure", message=rule.title, type=rule.severity.value)
            failure.text = _lines(failing)
        if others:
            ET.SubElement(case, "system-out").text = _lines(others)
    suite.set("failures", str(failures))
    suite.set("errors", "0")
    ET.indent(suite)
    made: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return made.decode()


def _lines(findings: list[Finding]) -> str:
    return "\n".join(map(_line, findings))


def _line(finding: Finding) -> str:
    ignored = "" if finding.ignored is None else f" (ignored: {finding.ignored})"
    text = shown(f"{where(finding)}{finding.message}{ignored}")
    return _BEYOND_XML.sub("\N{REPLACEMENT CHARACTER}", text)
