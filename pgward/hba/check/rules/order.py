"""The order of lines: the first that matches decides, and no other is ever tried."""

from pgward.hba.check import fixing
from pgward.hba.check.earlier import Earlier
from pgward.hba.check.finding import Severity
from pgward.hba.check.later import Later
from pgward.hba.check.reached import ways
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Entry, Subject
from pgward.hba.check.values import is_on
from pgward.hba.syntax.files import Place
from pgward.hba.syntax.rules import LOCAL, Rule, asks_for_certificate


@rule(
    "HBA010",
    "way-past-the-certificate",
    Severity.ERROR,
    "an earlier line lets people in without the certificate that a later one asks for",
    why="The first line that matches decides. Whoever it lets in by a password, or by nothing, "
    "never meets the line below that asks for a certificate, which then only looks safe.",
    bad=Example("host all all 10.0.0.0/8 scram-sha-256\nhostssl all all 0.0.0.0/0 cert"),
    good=Example("hostssl all all 0.0.0.0/0 cert\nhostssl all all 10.0.0.0/8 scram-sha-256"),
)
def past_the_certificate(subject: Subject) -> Found:
    """Compare each line without a certificate with the lines below that want one."""
    able = subject.able
    asking: set[int] = set()
    others: list[Entry[Rule]] = []
    for each in subject.rules:
        if each.says.kind != LOCAL:
            if asks_for_certificate(each.says, able):
                asking.add(each.number)
            elif each.says.method != "reject":
                others.append(each)
    if not asking or not others:
        return
    later = Later(able, others)
    found: list[tuple[Place, str]] = []
    for each in reversed(subject.rules[others[0].number :]):
        if each.number in asking:
            later.add(each)
            continue
        if each.says.kind == LOCAL or each.says.method == "reject":
            continue
        if (met := later.that_meets(each)) is not None:
            said = f"lets people in by {each.says.method} whom line {met.place} would ask"
            found.append((each.place, f"{said} for a certificate"))
    yield from reversed(found)


@rule(
    "HBA011",
    "never-reached",
    Severity.WARNING,
    "an earlier line matches whatever this one would match",
    why="A line that can never match does nothing. Who wrote it expects that it does: to let "
    "somebody in, or to keep somebody out.",
    bad=Example(
        "hostssl all all 10.0.0.0/8 cert\n"
        "hostssl db bob 10.2.0.0/16 cert\n"
        "hostssl db ann 10.1.0.0/16 reject"
    ),
    good=Example("hostssl db ann 10.1.0.0/16 reject\nhostssl all all 10.0.0.0/8 cert"),
    fix="takes the line out where the earlier one asks for the same: nobody is let in or kept out "
    "by that. Where they differ, one of both is a mistake, and only a person knows which",
)
def never_reached(subject: Subject) -> Found:
    """Look among the earlier lines for one that covers each."""
    reached = {way.entry.number for way in ways(subject)}
    left = [each for each in subject.rules if each.number not in reached]
    if not left:
        return
    before = Earlier(left)
    for each in subject.rules[: left[-1].number + 1]:
        earlier = None if each.number in reached else before.that_covers(each)
        if earlier is not None:
            said = f"can never match: line {earlier.place} comes first"
            same = _same(earlier.says, each.says)
            fix = fixing.without_line(subject, each.line, earlier.line) if same else None
            yield each.place, said, fix
        before.add(each)


@rule(
    "HBA012",
    "tls-line-without-tls",
    Severity.ERROR,
    "a line is for TLS, and the server has it turned off",
    why="Without TLS at the server no hostssl line ever matches, and everyone falls through to the "
    "lines below.",
    bad=Example("hostssl all all all cert", conf="ssl = off"),
    good=Example("hostssl all all all cert", conf="ssl = on"),
)
def without_tls(subject: Subject) -> Found:
    """Look for hostssl lines of a server without TLS."""
    if subject.settings is None or is_on(subject.setting("ssl", "off")):
        return
    for each in subject.rules:
        if each.says.kind == "hostssl":
            yield each.place, "can never match: ssl is off"


def _same(one: Rule, other: Rule) -> bool:
    return (one.method, one.options) == (other.method, other.options)


RULES = (past_the_certificate, never_reached, without_tls)
