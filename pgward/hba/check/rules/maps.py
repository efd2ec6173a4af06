"""Maps of pg_ident.conf: who outside may be which role inside."""

import functools

from pgward.hba.check.finding import Severity
from pgward.hba.check.patterns import is_one_name
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.decide.mapping import GROUP, takes_group
from pgward.hba.decide.names import role_is_meant
from pgward.hba.decide.server import Server
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.reading import expression
from pgward.hba.syntax.regexes import octets
from pgward.hba.syntax.tokens import Token
from pgward.hba.syntax.versions import Abilities

_KEPT = 4096
_SOME_ROLE = "postgres"
# No file names them: who lets these be a role lets anybody be it.
_STRANGERS = ("pgward-probe-1", "Pgward Probe 2")
# Who hides a role's name in a longer one, as another domain or another realm may give it.
_DISGUISES = (
    ("{}@INVALID", "{}@TEST"),
    ("{}.invalid", "{}.test"),
    ("{}.a.invalid", "{}.b.test"),
    ("{}/a@A.INVALID", "{}/b@B.TEST"),
    ("{}@INVALID", "{}@TEST"),
    ("{}.invalid", "{}.test"),
    ("{}.a.invalid", "{}.b.test"),
    ("a\\{}", "b\\{}"),
    ("a/{}", "b/{}"),
)


@rule(
    "HBA024",
    "map-without-lines",
    Severity.ERROR,
    "a line names a map that pg_ident.conf has no line for",
    why="PostgreSQL takes the file, and then lets nobody in by that line, whatever they prove.",
    bad=Example("hostssl all all all cert map=people", "others ann ann"),
    good=Example("hostssl all all all cert map=people", "people ann ann"),
)
def without_lines(subject: Subject) -> Found:
    """Look for names of maps that no line of pg_ident.conf begins with, right or not."""
    if not subject.has_ident:
        return
    known = {each.fields[0][0].text for each in subject.ident if each.fields}
    for entry in subject.rules:
        named = entry.says.option("map") if entry.says.options else None
        if named and named not in known:
            yield entry.place, f"lets nobody in: the map {named} has no line in pg_ident.conf"


@rule(
    "HBA025",
    "map-that-nothing-names",
    Severity.NOTE,
    "no line of pg_hba.conf names a map",
    why="Its lines do nothing, and who takes somebody out of them takes nothing away from anybody. "
    "A misspelled name looks the same.",
    bad=Example(ident="people ann ann"),
    good=Example("local all all peer map=people", "people ann ann"),
)
def that_nothing_names(subject: Subject) -> Found:
    """Look for maps that are nowhere used, once for each."""
    seen = {entry.says.option("map") for entry in subject.rules}
    for mapping in subject.mappings:
        named = mapping.says.map
        if named not in seen:
            seen.add(named)
            yield mapping.place, f"no line of pg_hba.conf names the map {named}"


@rule(
    "HBA026",
    "everyone-may-be-anyone",
    Severity.WARNING,
    "a map lets whoever an expression matches be any role they like",
    why="All of them may be a superuser: by all, by an expression that every role matches, or by "
    "asking somebody else's domain for a certificate that has the role's name in it.",
    bad=Example("hostssl all all all cert map=m", r"m /^(.*)@.*$ \1"),
    good=Example("hostssl all all all cert map=m", r"m /^(.*)@example\.com$ \1"),
)
def everyone_is_anyone(subject: Subject) -> Found:
    """Look for expressions that are bound to nothing on either side."""
    named = {entry.says.option("map") for entry in subject.rules if entry.says.options}
    for entry in subject.mappings:
        each = entry.says
        if each.map not in named or not each.system.text.startswith("/"):
            continue
        who = f"lets whoever {each.system.text} matches"
        if _is_any_role(subject, each) and not is_one_name(each.system.text[1:]):
            yield entry.place, f"{who} be any role, a superuser too"
        elif each.role.text == GROUP and _is_unbound(each.system.text[1:], subject.able):
            yield entry.place, f"{who} be the role in their name, whoever gave them that name"


@rule(
    "HBA027",
    "mapping-for-nobody",
    Severity.ERROR,
    "a mapping can never let anybody be a role",
    why="Whom it was written for stays outside. Where the role's name wants a group that the "
    "expression lacks, PostgreSQL even ends the search there, and the lines below count no more.",
    bad=Example("hostssl all all all cert map=m", r"m /^.*@example\.com$ \1"),
    good=Example("hostssl all all all cert map=m", r"m /^(.*)@example\.com$ \1"),
)
def for_nobody(subject: Subject) -> Found:
    """Look for roles that are no names."""
    for entry in subject.mappings:
        said = _why_nobody(subject.able, entry.says)
        if said is not None:
            yield (
                entry.line.at(BadLineError("", 2)),
                f"lets nobody be {entry.says.role.text}: {said}",
            )


def _is_any_role(subject: Subject, mapping: Mapping) -> bool:
    able, role = subject.able, mapping.role
    if not able.includes or not (role.is_word("all") or role.text.startswith("/")):
        return False
    server = Server(able, ())
    names = (*_STRANGERS, *subject.superusers)
    return all(role_is_meant(server, [role], each) for each in names)


@functools.lru_cache(_KEPT)
def _is_unbound(source: str, able: Abilities) -> bool:
    """Tell whether names from two places that nobody wrote down lead to the same role.

    Where PostgreSQL may take another group than Python, Python's is good enough to warn.
    """
    found = expression(source, able)

    def leads_there(name: str) -> bool:
        match = found.matcher.search(octets(name))
        return match is not None and found.groups > 0 and match[1] == _SOME_ROLE

    return any(all(leads_there(each.format(_SOME_ROLE)) for each in both) for both in _DISGUISES)


def _why_nobody(able: Abilities, mapping: Mapping) -> str | None:
    system, role = mapping.system.text, mapping.role
    if takes_group(role, able) and not system.startswith("/"):
        return f"{system} is no expression, so {GROUP} stands for nothing"
    if takes_group(role, able) and not expression(system[1:], able).groups:
        return f"{system} has no group in parentheses for {GROUP}"
    what = None if able.includes else _not_yet(role)
    return f"{able.name} takes {what} for a name" if what else None


def _not_yet(role: Token) -> str | None:
    """Return what a role of a map is from 16 on, where that is more than a name."""
    if role.text.startswith("/"):
        return "the expression"
    if role.text.startswith("+") and not role.quoted:
        return "the group"
    return "the word" if role.is_word("all") else None


RULES = (without_lines, that_nothing_names, everyone_is_anyone, for_nobody)
