"""Regular expressions: they are found anywhere in a name unless they say where it ends."""

from collections.abc import Iterator

from pgward.hba.check.finding import Severity
from pgward.hba.check.patterns import loose_domain, speaks_of_whole
from pgward.hba.check.reached import once
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Entry, Subject
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.rules import Rule
from pgward.hba.syntax.tokens import Token

_FIRST_FIELD = 1  # of names, behind the connection type


@rule(
    "HBA020",
    "unanchored-name",
    Severity.WARNING,
    "an expression for a database or a role is found anywhere in a name",
    why="Without ^ and $ it matches each name that has it somewhere inside, so who may choose a "
    "name, of a role or of a database, gets into a line that was not meant for them.",
    bad=Example("hostssl all /lic all cert"),
    good=Example("hostssl all /^lic$ all cert"),
)
def unanchored_name(subject: Subject) -> Found:
    """Look for expressions in rules that do not speak of a whole name."""
    for entry, field, number, token in _slashed(subject, since=True):
        if not speaks_of_whole(token.text[1:]):
            what = "database" if field == _FIRST_FIELD else "role"
            said = f"{token.text} matches every {what} that has it anywhere in its name"
            yield entry.line.at(BadLineError("", field, number)), said


@rule(
    "HBA021",
    "slash-that-is-a-letter",
    Severity.ERROR,
    "before version 16 a slash before a name starts no expression: it is part of the name",
    why="The line matches only what is really called so, which is nothing: who should be let in "
    "is not, and who should be kept out falls through to the lines below.",
    bad=Example("hostssl all /^app_ all reject", version=15),
    good=Example("hostssl all app_a,app_b all reject", version=15),
)
def slash_is_a_letter(subject: Subject) -> Found:
    """Look for slashes where no version before 16 sees an expression."""
    for entry, field, number, token in _slashed(subject, since=False):
        what = "database" if field == _FIRST_FIELD else "role"
        said = f"matches only a {what} whose name is {token.text}, slash and all"
        where = entry.line.at(BadLineError("", field, number))
        yield where, f"{said}: {subject.able.name} has no expressions here"


@rule(
    "HBA022",
    "unanchored-map",
    Severity.ERROR,
    "an expression in a map is found anywhere in a name from outside",
    why="Without ^ and $ a certificate or a principal that merely contains it is taken, too: "
    "/@example\\.com lets in eve@example.com.evil.org.",
    bad=Example("hostssl all all all cert map=m", r"m /(.*)@example\.com \1"),
    good=Example("hostssl all all all cert map=m", r"m /^(.*)@example\.com$ \1"),
)
def unanchored_map(subject: Subject) -> Found:
    """Look for expressions in maps that do not speak of a whole name."""
    for entry in _expressions_in_maps(subject):
        system = entry.says.system.text
        if not speaks_of_whole(system[1:]):
            said = f"lets whoever has {system} anywhere in their name be {entry.says.role.text}"
            yield entry.line.at(BadLineError("", 1)), said


@rule(
    "HBA023",
    "dot-for-any-letter",
    Severity.WARNING,
    "a dot in an expression stands for any letter where a domain is meant",
    why="@example.com is also @exampleXcom, a name that somebody else may register, or get a "
    "certificate for; a dot that is a dot has a backslash before it.",
    bad=Example("hostssl all all all cert map=m", r"m /^(.*)@example.com$ \1"),
    good=Example("hostssl all all all cert map=m", r"m /^(.*)@example\.com$ \1"),
)
def dot_for_any_letter(subject: Subject) -> Found:
    """Look for domains with bare dots, in rules and in maps."""
    for entry, field, number, token in _slashed(subject, since=True):
        if domain := loose_domain(token.text[1:]):
            yield entry.line.at(BadLineError("", field, number)), _dots(domain)
    for mapping in _expressions_in_maps(subject):
        if domain := loose_domain(mapping.says.system.text[1:]):
            yield mapping.line.at(BadLineError("", 1)), _dots(domain)


def _dots(domain: str) -> str:
    return f"a dot in {domain} stands for any letter"


def _slashed(subject: Subject, *, since: bool) -> Iterator[tuple[Entry[Rule], int, int, Token]]:
    """Yield names of rules that begin with a slash, if this version has expressions, or if not."""
    if subject.able.includes == since:
        yield from once(subject, "names with a slash", lambda: list(_with_slash(subject)))


def _with_slash(subject: Subject) -> Iterator[tuple[Entry[Rule], int, int, Token]]:
    for entry in subject.rules:
        names = entry.says.databases, entry.says.roles
        for field, tokens in enumerate(names, _FIRST_FIELD):
            for number, token in enumerate(tokens):
                if token.text.startswith("/"):
                    yield entry, field, number, token


def _expressions_in_maps(subject: Subject) -> Iterator[Entry[Mapping]]:
    """Yield mappings with an expression, of the maps that a line names."""
    named = {entry.says.option("map") for entry in subject.rules if entry.says.options}
    for mapping in subject.mappings:
        if mapping.says.map in named and mapping.says.system.text.startswith("/"):
            yield mapping


RULES = (unanchored_name, slash_is_a_letter, unanchored_map, dot_for_any_letter)
