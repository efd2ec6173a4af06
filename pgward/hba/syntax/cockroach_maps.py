r"""CockroachDB's identity map (``server.identity_map.configuration``), and what a line of it says.

Three words between blanks, and nothing else (``identmap/ident_map.go``): ``#`` starts a comment
wherever it stands, in an expression, too; a quote is a letter; the expression is Go's.
"""

import re
from collections.abc import Iterator

from pgward.hba.syntax import go_regexes
from pgward.hba.syntax.files import Files, Placed, read_whole
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.positioned import PositionedLine, Spot
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.regexes import BadRegexError
from pgward.hba.syntax.tokens import Field, Token, physical_lines
from pgward.hba.syntax.versions import Abilities

SETTING = "server.identity_map.configuration"
_GROUP = r"\1"
_WORD = re.compile(r"[^\t\n\f\r ]+")
_FIELDS = 3
_PARTS = ("map", "name from outside", "database role")
_MOST = 65_535


def lines(path: str, files: Files, _able: Abilities) -> list[Placed]:
    """Return the lines that say something; raise FileProblemError."""
    return list(_lines(path, read_whole(path, files)))


def parse(data: bytes) -> list[PositionedLine]:
    """Split a text into lines; ``b"".join(line.raw for …)`` is ``data`` again."""
    return [_line(number, raw) for number, raw in enumerate(physical_lines(data), 1)]


def read(fields: tuple[Field, ...], _able: Abilities) -> Mapping:
    """Return the mapping of a line's fields; raise BadLineError for what CockroachDB refuses."""
    for number, what in enumerate(_PARTS[len(fields) :], len(fields)):
        raise BadLineError(f"the line ends before the {what}", number)
    if len(fields) > _FIELDS:
        raise BadLineError("there is more behind the database role", _FIELDS)
    named, system, role = (each[0] for each in fields)
    groups = 0
    if system.text.startswith("/"):
        try:
            groups = go_regexes.compiled(system.text[1:]).groups
        except BadRegexError as error:
            raise BadLineError(str(error), 1) from None
    if _GROUP in role.text and not groups:
        raise BadLineError(f"{system.text!r} has no group in parentheses for {_GROUP}", 2)
    return Mapping(named.text, system, role)


def _lines(path: str, data: bytes) -> Iterator[Placed]:
    for line in parse(data):
        if len(line.raw) > _MOST:
            said = f"a line of more than {_MOST} bytes: nothing from here on would count"
            yield Placed(path, line, line.fields, (), BadLineError(said))
            return
        if line.fields:
            yield Placed(path, line, line.fields, ())


def _line(number: int, raw: bytes) -> PositionedLine:
    text = raw.removesuffix(b"\n").decode("utf-8", "surrogateescape")
    said = text.partition("#")[0].rstrip()
    start = len(said) - len(said.lstrip())
    words = list(_WORD.finditer(said, start))
    return PositionedLine(
        number,
        raw,
        tuple((Token(each[0]),) for each in words),
        spots=tuple((Spot(number, each.start() + 1, *each.span()),) for each in words),
        ends=(number, len(said) + 1),
        written=text,
    )
