"""Take what comments ignore out of the findings, and find comments that ignore nothing."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pgward.hba.check.comments import MARK, Ignore
from pgward.hba.check.finding import Finding, Severity
from pgward.hba.check.rule import Example, Found, Rule, rule
from pgward.hba.check.subject import Subject

_PAST = "host all all 10.0.0.0/8 scram-sha-256"
_BELOW = "hostssl all all 0.0.0.0/0 cert"


@rule(
    "HBA090",
    "ignore-without-reason",
    Severity.WARNING,
    "a comment would ignore a finding, and does not say which or why",
    why="Who reads the line next year must be able to tell whether the reason still holds. A "
    "comment without one ignores nothing.",
    bad=Example(f"{_PAST} # {MARK} HBA010\n{_BELOW}"),
    good=Example(f"{_PAST} # {MARK} HBA010: the old application, until May\n{_BELOW}"),
)
def without_reason(subject: Subject) -> Found:
    """Look for comments that lack something."""
    for each in subject.ignores:
        if not each.rules:
            yield each.place, f"names no rule: write {MARK} HBA010: reason"
        elif not each.reason:
            yield each.place, f"gives no reason: write {MARK} {', '.join(each.rules)}: reason"


@rule(
    "HBA091",
    "ignore-of-nothing",
    Severity.NOTE,
    "a comment ignores what is not found on its line",
    why="It may hide what somebody puts there later. Most often the line was mended and the "
    "comment left behind, the id is misspelt, or a blank line came between.",
    bad=Example(f"{_BELOW} # {MARK} HBA010: the old application, until May"),
    good=Example(_BELOW),
)
def of_nothing(_: Subject) -> Found:
    """Find nothing yet: it is known when all others have looked (``applied``)."""
    return iter(())


def applied(
    findings: Iterable[Finding], subject: Subject, rules: Mapping[str, Rule]
) -> Iterator[Finding]:
    """Yield all findings, those that a comment ignores with its reason, and what ignores none.

    ``rules`` are all there are, by their ids.
    """
    ignores = subject.ignores
    by_line: dict[tuple[str, int, str], list[Ignore]] = defaultdict(list)
    for ignore in ignores:
        for line in range(ignore.first, ignore.last + 1) if ignore.reason else ():
            for id_ in ignore.rules:
                by_line[ignore.place.path, line, id_].append(ignore)
    used: set[tuple[Ignore, str]] = set()
    for finding in findings:
        place = finding.place
        by = [] if place is None else by_line.get((place.path, place.line, finding.rule), [])
        used |= {(each, finding.rule) for each in by}
        yield dataclasses.replace(finding, ignored=by[0].reason) if by else finding
    for ignore in ignores:
        for id_ in ignore.rules if ignore.reason else ():
            if id_ not in rules:
                yield _nothing(ignore, f"there is no rule {id_}")
            elif (ignore, id_) not in used and _could_look(rules[id_], subject):
                yield _nothing(ignore, f"{id_} is not found there")


def _could_look(rule_: Rule, subject: Subject) -> bool:
    """Tell whether a rule saw the files that it needs: those that its example has."""
    saw_conf = subject.settings is not None or rule_.bad.conf is None
    return saw_conf and (subject.has_ident or not rule_.bad.ident)


def _nothing(ignore: Ignore, message: str) -> Finding:
    return Finding(of_nothing.id, of_nothing.severity, message, ignore.place)


RULES = (without_reason, of_nothing)
