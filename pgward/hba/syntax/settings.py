"""Read postgresql.conf as PostgreSQL does, and give every byte back.

The rules are those of src/backend/utils/misc/guc-file.l (manual, section 19.1.2): one setting a
line, ``=`` may be left out, names have no case, ``#`` starts a comment outside quotes.

Pure. Bytes that are not UTF-8 survive as surrogates. Nothing here raises.
"""

import re
from dataclasses import dataclass

from pgward.hba.syntax.tokens import physical_lines

INCLUDES = frozenset({"include", "include_if_exists", "include_dir"})
_LETTER = "[A-Za-z_\u0080-\U0010ffff]"
_MORE = "[A-Za-z_0-9\u0080-\U0010ffff]"
# In the order of the lexer's rules; the longest match counts, and of two the first.
_KINDS = {
    "id": f"{_LETTER}{_MORE}*",
    "qualified": rf"{_LETTER}{_MORE}*\.{_LETTER}{_MORE}*",
    "string": r"'(?:[^'\\\n]|\\.|'')*'",
    "word": f"{_LETTER}(?:{_MORE}|[-._:/])*",
    "integer": r"[-+]?(?:0x[0-9a-fA-F]+|[0-9]+)[a-zA-Z]*",
    "real": r"[-+]?[0-9]*\.[0-9]*(?:[Ee][-+]?[0-9]+)?",
    "equals": "=",
}
_PATTERNS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in _KINDS.items()}
_BLANK = re.compile(r"[ \t\r]*")
_VALUES = frozenset({"id", "string", "word", "integer", "real"})
_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)|''", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Setting:
    """``name`` as it is written; its column, from 1, and that of its value."""

    name: str
    value: str
    column: int
    value_column: int

    @property
    def key(self) -> str:
        """The name without case, as PostgreSQL compares it."""
        return "".join(chr(ord(each) + 32) if "A" <= each <= "Z" else each for each in self.name)

    @property
    def is_include(self) -> bool:
        """Whether it names a file, or a directory of files, to be read here."""
        return self.key in INCLUDES


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One line: its number from 1, its bytes, what it sets, or the column of a syntax error."""

    number: int
    raw: bytes
    setting: Setting | None = None
    error: int | None = None


def parse(data: bytes) -> list[SettingLine]:
    """Split a file into its lines; ``b"".join(line.raw for …)`` is ``data`` again."""
    return [_line(number, raw) for number, raw in enumerate(physical_lines(data), 1)]


def comment(raw: bytes) -> str | None:
    """Return the comment of a line, from its ``#`` on."""
    text = raw.removesuffix(b"\n").decode("utf-8", "surrogateescape")
    at = _skip(text, 0)
    while at < len(text):
        if text[at] == "#":
            return text[at:]
        at = _skip(text, at + len(_longest(text, at)[1]))
    return None


def quote(value: str) -> str:
    """Write a value so that it is read as itself."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"


def _line(number: int, raw: bytes) -> SettingLine:
    text = raw.removesuffix(b"\n").decode("utf-8", "surrogateescape")
    found: list[tuple[str, str, int]] = []
    at = _skip(text, 0)
    while at < len(text) and text[at] != "#":
        kind, word = _longest(text, at)
        found.append((kind, word, at + 1))
        if not _fits(found):
            return SettingLine(number, raw, error=at + 1)
        at = _skip(text, at + len(word))
    if not found:
        return SettingLine(number, raw)
    if found[-1][0] not in _VALUES or len(found) == 1:
        return SettingLine(number, raw, error=at + 1)
    kind, word, column = found[-1]
    value = _unquoted(word) if kind == "string" else word
    return SettingLine(number, raw, Setting(found[0][1], value, found[0][2], column))


def _fits(found: list[tuple[str, str, int]]) -> bool:
    """Tell whether the words so far can begin a line: a name, perhaps =, a value."""
    kinds = [kind for kind, *_ in found]
    if len(kinds) == 1:
        return kinds[0] in {"id", "qualified"}
    if kinds[1] == "equals":
        return len(kinds) == 2 or (len(kinds) == 3 and kinds[2] in _VALUES)  # noqa: PLR2004
    return len(kinds) == 2 and kinds[1] in _VALUES  # noqa: PLR2004


def _longest(text: str, at: int) -> tuple[str, str]:
    best = "error", text[at]
    length = 0
    for kind, pattern in _PATTERNS.items():
        match = pattern.match(text, at)
        if match and len(match[0]) > length:
            best, length = (kind, match[0]), len(match[0])
    return best


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return at if match is None else match.end()


def _unquoted(word: str) -> str:
    return _ESCAPE.sub(_unescaped, word[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    escape = match[1]
    if escape is None:
        return "'"
    if escape[0] in "01234567":
        return chr(int(escape, 8) & 0xFF)
    return _ESCAPED.get(escape, escape)
