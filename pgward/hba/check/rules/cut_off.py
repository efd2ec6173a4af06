"""What stands in a line and is not read as it looks: words too many, comments, groups."""

import re

from pgward.hba.check.finding import Severity
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.decide.mapping import GROUP, takes_group
from pgward.hba.syntax import tokens
from pgward.hba.syntax.files import Place, Placed
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.versions import Abilities, Dialect

_FIELDS = 3
_REFERENCE = re.compile(r"\\[0-9]")
_APART = (" ", "\t", "\r", ",", '"')
_GLUED = re.compile(rb"[^ \t\r\n,#\"]#")


@rule(
    "HBA046",
    "group-that-stays-as-it-is",
    Severity.ERROR,
    r"a role in a map has a \2, a second \1, or a \1 behind +, which PostgreSQL leaves as it is",
    why=r"It puts the first group in the place of the first \1, and of nothing else. The rest is "
    "a part of the role's name, so whom the line was written for stays outside. From 16 on + "
    r"makes a group of what follows, and not even the first \1 is replaced there.",
    bad=Example("hostssl all all all cert map=m", r"m /^(.*)@(.*)\.example\.com$ \2_\1"),
    good=Example("hostssl all all all cert map=m", r"m /^(.*)@sales\.example\.com$ sales_\1"),
)
def stays(subject: Subject) -> Found:
    """Look for what looks like a group in roles that are no expressions."""
    for entry in () if _is_other(subject) else subject.mappings:
        left = _left(subject.able, entry.says)
        if left is not None:
            said = f"lets people be a role that has {left} in its name, as it stands"
            yield entry.line.at(BadLineError("", 2)), said


@rule(
    "HBA047",
    "words-behind-a-mapping",
    Severity.WARNING,
    "a line of pg_ident.conf has more than three words, and the rest is not read",
    why="A mapping is a map, a name from outside and one role. Who writes two roles gives the "
    "first only; who writes a name with a blank, and no quotes around it, gives somebody else's "
    "name a role that they did not mean.",
    bad=Example("local all all peer map=m", "m Ann Smith ann"),
    good=Example("local all all peer map=m", 'm "Ann Smith" ann'),
)
def behind(subject: Subject) -> Found:
    """Look for a fourth field."""
    for entry in () if _is_other(subject) else subject.mappings:
        more = entry.line.fields[_FIELDS:]
        if more:
            words = " ".join(token.text for field in more for token in field)
            said = f"{words!r} is not read: this lets {entry.says.system.text} be"
            yield entry.line.at(BadLineError("", _FIELDS)), f"{said} {entry.says.role.text}"


@rule(
    "HBA048",
    "comment-within-a-word",
    Severity.WARNING,
    "a # right behind a word begins a comment, and cuts the word off",
    why="A # outside of quotes begins a comment wherever it stands, within a password, a name or a "
    "map, too. What is left of the word counts, and often means something else; the options "
    "behind it are gone.",
    bad=Example("hostssl all all all cert map=staff#1", '"staff#1" ann ann\nstaff bob bob'),
    good=Example('hostssl all all all cert map="staff#1"', '"staff#1" ann ann\nstaff bob bob'),
)
def within_a_word(subject: Subject) -> Found:
    """Look for a # that stands right behind something; what an option has is not shown."""
    texts = () if _is_other(subject) else subject.texts.values()
    if not any(b"#" in text and _GLUED.search(text) for text in texts):
        return
    for line in (*subject.hba, *subject.ident):
        word = _cut(line)
        if word is not None:
            fields = line.line.fields
            number, column = line.line.place(len(fields) - 1, len(fields[-1]) - 1)
            said = f"{word} ends at the #, and what follows is not read"
            yield Place(line.path, number, column), said


def _is_other(subject: Subject) -> bool:
    """Tell whether the lines are read by other rules than PostgreSQL's."""
    return subject.able.dialect is Dialect.COCKROACHDB


def _left(able: Abilities, mapping: Mapping) -> str | None:
    """Return what of a role looks like a group and is none."""
    role = mapping.role
    text = role.text
    if able.includes and text.startswith("/"):
        return None
    if takes_group(role, able):
        # HBA027 tells of those that nothing can be put in the place of.
        only = mapping.system.text.startswith("/")
        text = text.replace(GROUP, "", 1 if only else -1)
    found = _REFERENCE.search(text)
    return None if found is None else found[0]


def _cut(line: Placed) -> str | None:
    """Return the word that a comment cuts off, and of an option its name alone."""
    raw = line.line.raw
    if b"#" not in raw or not _GLUED.search(raw):
        return None
    text = line.line.text
    comment = tokens.comment(text)
    if comment is None or text[: -len(comment)].endswith(_APART):
        return None
    name, equals, _ = line.line.fields[-1][-1].text.partition("=")
    return f"{name}{equals}…" if equals else name


RULES = (stays, behind, within_a_word)
