"""Comments that say of a line which findings are meant so, and why.

``# pgward-ignore HBA013: reason``, with more ids behind commas, stands at the end of the line, or
on a line of its own directly above. ``#`` within quotes begins no comment.
"""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pgward.hba.syntax import settings, tokens
from pgward.hba.syntax.files import Place
from pgward.hba.syntax.tokens import Line
from pgward.hba.syntax.versions import Abilities

MARK = "pgward-ignore"
_BYTES = MARK.encode()
_MARKED = re.compile(rf"#+[ \t]*{MARK}(?![\w-])(.*)", re.DOTALL)
_SAID = re.compile(r"[ \t]*(HBA[0-9]+(?:[ \t]*,[ \t]*HBA[0-9]+)*)[ \t]*(?::(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ignore:
    """What a comment at ``place`` says of the lines ``first`` to ``last`` of its file.

    ``rules`` is empty, and ``reason`` too, where the comment does not say them.
    """

    place: Place
    rules: tuple[str, ...]
    reason: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Line:
    """A logical line: where it begins and ends, its comment, and whether it says more."""

    first: int
    last: int
    comment: str | None
    alone: bool


def of_access_file(path: str, data: bytes, able: Abilities) -> list[Ignore]:
    """Return those of a pg_hba.conf or pg_ident.conf."""
    if _BYTES not in data:
        return []
    lines = (
        _Line(
            line.number,
            line.number + len(tokens.physical_lines(line.raw)) - 1,
            tokens.comment(line.text),
            not line.fields,
        )
        for line in _near(data, able)
    )
    return list(_ignores(path, lines))


def of_settings_file(path: str, data: bytes) -> list[Ignore]:
    """Return those of a postgresql.conf."""
    if _BYTES not in data:
        return []
    lines = (
        _Line(
            line.number,
            line.number,
            settings.comment(line.raw),
            line.setting is None and line.error is None,
        )
        for line in settings.parse(data)
    )
    return list(_ignores(path, lines))


def _near(data: bytes, able: Abilities) -> Iterator[Line]:
    """Yield the logical lines that matter: those with a mark, and each that follows one."""
    if able.continuation and b"\\" in data:
        yield from tokens.parse(data)
        return
    follows = False
    for number, raw in enumerate(tokens.physical_lines(data), 1):
        marked = _BYTES in raw
        if marked or follows:
            (line,) = tokens.parse(raw, continuation=False)
            yield dataclasses.replace(line, number=number)
        follows = marked


def _ignores(path: str, lines: Iterator[_Line]) -> Iterator[Ignore]:
    """Yield those of each line, with what stood on lines of their own directly above it."""
    above: list[Ignore] = []
    for line in lines:
        marked = None if line.comment is None else _MARKED.match(line.comment)
        for each in above if marked is None or not line.alone else ():
            last = each.last if line.alone else line.last
            yield Ignore(each.place, each.rules, each.reason, each.first, last)
        if marked is None or not line.alone:
            above = []
        if marked is not None:
            said = _said(Place(path, line.first), marked[1].rstrip("\r\n"), line)
            if line.alone:
                above.append(said)
            else:
                yield said
    yield from above


def _said(place: Place, text: str, line: _Line) -> Ignore:
    found = _SAID.fullmatch(text)
    if found is None:
        return Ignore(place, (), "", line.first, line.last)
    ids = tuple(dict.fromkeys(each.strip() for each in found[1].split(",")))
    return Ignore(place, ids, (found[2] or "").strip(), line.first, line.last)
