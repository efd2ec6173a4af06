"""Lists of words in files that lead to themselves."""

from collections.abc import Iterator

from pgward.hba.check.finding import Severity
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.syntax import tokens
from pgward.hba.syntax.files import Placed, resolved

_FIRST_WITH_DEPTH = 16


@rule(
    "HBA009",
    "file-that-leads-to-itself",
    Severity.ERROR,
    "an @file leads back to itself, and before version 16 a reload ends the whole server",
    why="The server opens it again and again until it may open no more files. That is an error in "
    "its first process, which ends, and with it every session; 11 to 13 do not even log why. "
    "It does not come up again. From 16 on the line is refused instead (HBA001).",
    bad=Example(ident="m @pg_ident.conf ann", version=15),
    good=Example(ident="m ann ann", version=15),
)
def leads_to_itself(subject: Subject) -> Found:
    """Follow the files of lines that were refused because they go too deep."""
    if subject.able.version >= _FIRST_WITH_DEPTH:
        return
    for line in (*subject.hba, *subject.ident):
        way = None if line.problem is None else _way_round(subject, line.path, line, ())
        if way is not None:
            yield line.place, f"a reload ends the server: {' leads to '.join(way)}"


def _way_round(
    subject: Subject, path: str, line: Placed | tokens.Line, before: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the files from the line's own to one that was there before, None where none is."""
    way = (*before, path)
    for named in _named(path, line):
        if named in way:
            return (*way, named)
        inside = tokens.parse(subject.texts.get(named, b""), continuation=subject.able.continuation)
        for each in inside:
            found = _way_round(subject, named, each, way)
            if found is not None:
                return found
    return None


def _named(path: str, line: Placed | tokens.Line) -> Iterator[str]:
    written = line.line.fields if isinstance(line, Placed) else line.fields
    for field in written:
        for token in field:
            if token.is_file:
                yield resolved(token.text[1:], path)


RULES = (leads_to_itself,)
