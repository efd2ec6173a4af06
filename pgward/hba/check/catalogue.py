"""All rules, and what they find of a subject."""

from pgward.hba.check import ignoring
from pgward.hba.check.finding import Finding
from pgward.hba.check.rule import Rule
from pgward.hba.check.rules import (
    access,
    addresses,
    authorities,
    certificate_names,
    cut_off,
    dialects,
    expressions,
    live,
    logs,
    loops,
    maps,
    order,
    people,
    refused,
    revocation,
    setting_values,
    tls,
    tls_files,
)
from pgward.hba.check.subject import Subject
from pgward.hba.syntax.files import Place, is_built_in

RULES: tuple[Rule, ...] = (
    *refused.RULES,
    *setting_values.RULES,
    *loops.RULES,
    *order.RULES,
    *access.RULES,
    *expressions.RULES,
    *maps.RULES,
    *people.RULES,
    *addresses.RULES,
    *authorities.RULES,
    *certificate_names.RULES,
    *tls.RULES,
    *cut_off.RULES,
    *logs.RULES,
    *tls_files.RULES,
    *revocation.RULES,
    *live.RULES,
    *ignoring.RULES,
    *dialects.RULES,
)
BY_ID = {each.id: each for each in RULES}


def check(subject: Subject) -> list[Finding]:
    """Return all findings, in the order of files and lines, what stands nowhere last.

    Of a line that is built into a server nothing is said: nobody can change it.
    """
    found = [finding for rule in RULES for finding in rule.findings(subject) if _in_a_file(finding)]
    return sorted(ignoring.applied(found, subject, BY_ID), key=_order)


def _in_a_file(finding: Finding) -> bool:
    return finding.place is None or not is_built_in(finding.place.path)


def _order(finding: Finding) -> tuple[bool, str, int, int, str]:
    place = finding.place or Place("", 0)
    return finding.place is None, place.path, place.line, place.column, finding.rule
