"""The values of yb-tserver's flags ``ysql_hba_conf_csv`` and ``ysql_ident_conf_csv``.

A line for each value, with commas between them; one that has a comma or a quote stands in quotes,
and ``""`` is a quote in it. Nothing may stand between a quote and a comma, no value without quotes
may be empty, and none may have a line end (``ReadCSVValues`` in
src/yb/yql/pgwrapper/pg_wrapper.cc).

Pure. Bytes that are not UTF-8 survive as surrogates.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, replace

from pgward.hba.syntax import tokens
from pgward.hba.syntax.positioned import PositionedLine, Spot
from pgward.hba.syntax.problems import BadLineError

_VALUE = re.compile(r'(?:([^,"]+)|"((?:[^"]|"")*)")(?:,|\Z)')


@dataclass(frozen=True, slots=True)
class Value:
    """A line as it stands in the flag, and why the flag is refused from there on."""

    line: PositionedLine
    problem: BadLineError | None = None


def parse(data: bytes) -> list[Value]:
    """Split a flag's value, or a file that holds one and ends with a line end.

    ``b"".join(each.line.raw for …)`` is ``data`` again.
    """
    whole = data.decode("utf-8", "surrogateescape")
    text = whole.removesuffix("\n").removesuffix("\r")
    if not text:
        return []
    split = _Split(text)
    found: list[Value] = []
    at = 0
    while at < len(text):
        match = _VALUE.match(text, at)
        if match is None:
            found.append(split.value(text[at:], at, "", _why(text[at:])))
            return _ending(found, whole)
        quoted = match[1] is None
        start = match.start(2 if quoted else 1)
        inside = match[2 if quoted else 1]
        why = "a value cannot have a line end" if "\n" in inside else None
        found.append(split.value(match[0], start, inside, why, doubled=quoted))
        at = match.end()
    if text.endswith(","):
        found.append(split.value("", at, "", None))
    return _ending(found, whole)


class _Split:
    """Finds physical lines and columns in a text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(each.end() for each in re.finditer("\n", text))]

    def place(self, at: int) -> tuple[int, int]:
        number = bisect_right(self._starts, at)
        return number, at - self._starts[number - 1] + 1

    def value(
        self, raw: str, start: int, inside: str, why: str | None, *, doubled: bool = False
    ) -> Value:
        """Return a value whose text begins at ``start``; a quote in it is written as two."""
        written = inside.replace('""', '"') if doubled else inside
        shift = _shifts(inside) if doubled else list(range(len(written) + 1))
        placed = tokens.placed(written)
        spots = tuple(
            tuple(Spot(*self.place(start + shift[first]), first, last) for _, first, last in field)
            for field in placed
        )
        last = placed[-1][-1][2] if placed else 0
        line = PositionedLine(
            self.place(start)[0],
            raw.encode("utf-8", "surrogateescape"),
            tuple(tuple(token for token, *_ in field) for field in placed),
            spots=spots,
            ends=self.place(start + shift[last]),
            written=written,
            begins=self.place(start)[1],
        )
        problem = None if why is None else BadLineError(why, len(spots))
        return Value(line, problem)


def _ending(found: list[Value], whole: str) -> list[Value]:
    """Give what ends a file to the last value."""
    said = b"".join(each.line.raw for each in found)
    rest = whole.encode("utf-8", "surrogateescape")[len(said) :]
    if not rest:
        return found
    last = found[-1].line
    line = replace(last, raw=last.raw + rest)
    return [*found[:-1], Value(line, found[-1].problem)]


def _shifts(inside: str) -> list[int]:
    """Return where each letter of a value stands in what is written, and where it ends."""
    found: list[int] = []
    at = 0
    while at < len(inside):
        found.append(at)
        at += 2 if inside.startswith('""', at) else 1
    return [*found, at]


def _why(text: str) -> str:
    if text.startswith(","):
        return 'an empty value: write "" for one, or leave out the comma'
    if not text.startswith('"'):
        return "a value with a quote in it must stand in quotes, with two for each one in it"
    ends = re.match(r'"(?:[^"]|"")*"', text)
    return "a value in quotes does not end" if ends is None else "no comma behind a quote"
