r"""Split CockroachDB's HBA configuration into words as it does, and give every byte back.

It is no PostgreSQL here (``rulebasedscanner/scanner.go``): ``#`` starts a comment only where a word
could begin; a quoted word ends at the next quote, with no way to write one inside;
``a"b"c`` is three words; ``=`` at a word's end joins the next one, as a comma does; control
characters are refused; and no backslash continues a line.

Pure. Bytes that are not UTF-8 survive as surrogates. A line that cannot be split has a problem.
"""

import re
from dataclasses import dataclass

from pgward.hba.syntax.positioned import PositionedLine, Spot
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.tokens import Field, Token, physical_lines

_BLANK = re.compile(r"[ \t\r,]+")
_PLAIN = re.compile(r"[^\x00-\x1f\x7f \",]+,?")
_QUOTED = re.compile(r'"[^\x00-\x1f\x7f"]*",?')


@dataclass(frozen=True, slots=True)
class Split:
    """A physical line; ``problem`` is why it cannot be split any further."""

    line: PositionedLine
    problem: BadLineError | None = None


def parse(data: bytes) -> list[Split]:
    """Split a text into lines; ``b"".join(each.line.raw for …)`` is ``data`` again."""
    return [_line(number, raw) for number, raw in enumerate(physical_lines(data), 1)]


def _line(number: int, raw: bytes) -> Split:
    text = raw.removesuffix(b"\n").decode("utf-8", "surrogateescape")
    fields: list[list[Token]] = []
    spots: list[list[Spot]] = []
    problem: BadLineError | None = None
    at, end, goes_on = 0, 0, False
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at = blank.end()
            continue
        if text[at] == "#":
            break
        match = _PLAIN.match(text, at) or _QUOTED.match(text, at)
        if match is None:
            problem, end = BadLineError(_why(text[at:]), len(fields)), at
            break
        word, spot = match[0].removesuffix(","), Spot(number, at + 1, at, match.end())
        quoted = word.startswith('"')
        token = Token(word[1:-1] if quoted else word, quoted)
        if goes_on:
            fields[-1].append(token)
            spots[-1].append(spot)
        else:
            fields.append([token])
            spots.append([spot])
        goes_on = match[0].endswith(",") or (not quoted and word.endswith("="))
        at = end = match.end()
    found: tuple[Field, ...] = tuple(tuple(each) for each in fields)
    line = PositionedLine(
        number,
        raw,
        found,
        spots=tuple(tuple(each) for each in spots),
        ends=(number, end + 1),
        written=text,
    )
    return Split(line, problem)


def _why(text: str) -> str:
    if text.startswith('"'):
        ends = '"' in text[1:]
        return "a quoted word has a control character" if ends else "a quoted word does not end"
    return f"the character {text[0]!r} cannot stand here"
