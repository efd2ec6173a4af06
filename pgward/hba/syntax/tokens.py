r"""Split pg_hba.conf and pg_ident.conf into words as PostgreSQL does, and give every byte back.

The rules are those of ``next_token`` and ``tokenize_auth_file`` in PostgreSQL's
src/backend/libpq/hba.c: fields are separated by blanks, a field is a list separated by commas,
a double quote switches quoting on and off, ``""`` inside quotes is one quote, ``#`` outside quotes
starts a comment, and from version 14 on a backslash at the end continues a line. What follows a
NUL byte in a line is not there for PostgreSQL.

Pure. Bytes that are not UTF-8 survive as surrogates. Nothing here raises.
"""

import re
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

# What plain lines have none of: they are words, blanks, commas, and perhaps a comment.
_ODD = re.compile(r'[^\t\n -~]|"')
_GOES_ON = re.compile(r",(?:[ \t]|\Z)")
# Separators, then a comment, or a word and perhaps a comma right behind it.
_PIECE = re.compile(r'[ \t\r,]*(?:(#)|((?:[^ \t\r,#"]+|"(?:[^"]|"")*(?:"|\Z))+)(,?))')
_QUOTED = re.compile(r'"((?:[^"]|"")*)(?:"|\Z)')


class Token(NamedTuple):
    """One word; ``quoted`` when it began with a quote, so that it is no keyword and no @file."""

    text: str
    quoted: bool = False

    def is_word(self, word: str) -> bool:
        """Tell whether this is the keyword ``word``."""
        return not self.quoted and self.text == word

    @property
    def is_file(self) -> bool:
        """Whether this is ``@file``, whose words stand here."""
        return not self.quoted and self.text.startswith("@") and len(self.text) > 1


Field = tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line: the number of its first line (from 1), its bytes, its fields.

    ``starts`` are the offsets in its text of what follows each backslash that continues it.
    """

    number: int
    raw: bytes
    fields: tuple[Field, ...]
    starts: tuple[int, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The first word of each field."""
        return tuple(field[0].text for field in self.fields)

    @property
    def text(self) -> str:
        """What PostgreSQL reads of it, in one piece."""
        return _text(self.raw, self.starts)

    @property
    def column(self) -> int:
        """Where it begins, from 1, where others stand in the same physical line; else 0."""
        return 0

    def place(self, field: int, token: int = 0) -> tuple[int, int]:
        """Return the physical line and the column, both from 1, where a token begins.

        Of a field that is missing it is where the line's text ends.
        """
        at = _where(self.text, field, token)
        below = min(bisect_right(self.starts, at), len(physical_lines(self.raw)) - 1)
        return self.number + below, at - (self.starts[below - 1] if below else 0) + 1

    def hidden(self, begins: Collection[str]) -> str:
        """Return its text with ``…`` for what follows ``begins`` in a field."""
        return hidden(self.text, begins)


def parse(data: bytes, *, continuation: bool = True) -> list[Line]:
    """Split a file into logical lines; ``b"".join(line.raw for …)`` is ``data`` again."""
    known = _Known()
    physical = physical_lines(data)
    whole = data.decode("utf-8", "surrogateescape")
    if "\\" not in whole and _ODD.search(whole) is None:
        texts = enumerate(whole.split("\n"), 1)
        return [
            Line(number, raw, _plain(text, known))
            for raw, (number, text) in zip(physical, texts, strict=False)
        ]
    lines: list[Line] = []
    position = 0
    while position < len(physical):
        raw, count = physical[position], 1
        starts: tuple[int, ...] = ()
        if continuation and b"\\" in raw:
            raw, starts, count = _continued(physical, position)
        text = _text(raw, starts)
        found = _split(text) if _ODD.search(text) else _plain(text, known)
        lines.append(Line(position + 1, raw, found, starts))
        position += count
    return lines


def fields(text: str) -> tuple[Field, ...]:
    """Return the fields of one logical line's text, without its line end."""
    return _split(text)


def comment(text: str) -> str | None:
    """Return the comment of a logical line's text, from its ``#`` on."""
    for match in _PIECE.finditer(text):
        if match[1]:
            return text[match.start(1) :]
    return None


def hidden(text: str, begins: Collection[str]) -> str:
    """Return a logical line's text with ``…`` for what follows ``begins`` in a field."""
    for field in reversed(placed(text)):
        (first, start, _), (_, _, end) = field[0], field[-1]
        begun = next((each for each in begins if first.text.startswith(each)), None)
        if begun is not None:
            text = f"{text[:start]}{begun}…{text[end:]}"
    return text


def quote(word: str) -> str:
    """Write ``word`` so that it is read as itself: no keyword, no list, no comment, no @file."""
    return '"' + word.replace('"', '""') + '"'


def physical_lines(data: bytes) -> list[bytes]:
    """Split at line feeds only, and keep them."""
    pieces = data.split(b"\n")
    ended = [piece + b"\n" for piece in pieces[:-1]]
    return [*ended, pieces[-1]] if pieces[-1] else ended


class _Known(dict[str, Field]):
    """The plain fields met so far, by how they are written, since files repeat themselves."""

    def __missing__(self, words: str) -> Field:
        names = words.split(",") if "," in words else (words,)
        found = self[words] = tuple([Token(name) for name in names if name])
        return found


def _plain(text: str, known: _Known) -> tuple[Field, ...]:
    """Split a text that has nothing of ``_ODD``."""
    if "#" in text:
        text = text[: text.index("#")]
    if "," not in text:
        return tuple(map(known.__getitem__, text.split()))
    if _GOES_ON.search(text):
        return _split(text)
    return tuple(filter(None, map(known.__getitem__, text.split())))


def _split(text: str) -> tuple[Field, ...]:
    """Split a text, whatever it has."""
    return tuple(tuple(token for token, _, _ in field) for field in placed(text))


def placed(text: str) -> list[list[tuple[Token, int, int]]]:
    """Split one logical line's text into fields of tokens, each with where it begins and ends."""
    found: list[list[tuple[Token, int, int]]] = []
    goes_on = False
    for match in _PIECE.finditer(text):
        comment, word, comma = match.groups()
        if comment:
            break
        plain = _QUOTED.sub(_unquoted, word) if '"' in word else word
        token = Token(plain, word.startswith('"')), match.start(2), match.end(2)
        if goes_on:
            found[-1].append(token)
        else:
            found.append([token])
        goes_on = bool(comma)
    return found


def _where(text: str, field: int, token: int) -> int:
    found = placed(text)
    if field < len(found):
        return found[field][min(token, len(found[field]) - 1)][1]
    return found[-1][-1][2] if found else 0


def _continued(physical: list[bytes], start: int) -> tuple[bytes, tuple[int, ...], int]:
    """Return the bytes of the logical line at ``start``, its starts, and how many it takes."""
    content, mark, count, is_plain = bytearray(), 0, 0, True
    starts: list[int] = []
    while start + count < len(physical):
        raw = physical[start + count]
        count += 1
        _append(content, raw)
        # A backslash that an earlier continuation left at the end counts no second time.
        if not (len(content) > mark and content.endswith(b"\\")):
            break
        del content[-1]
        mark = len(content)
        is_plain = is_plain and raw.isascii()
        starts.append(mark if is_plain else len(content.decode("utf-8", "surrogateescape")))
    return b"".join(physical[start : start + count]), tuple(starts), count


def _text(raw: bytes, starts: tuple[int, ...]) -> str:
    if not starts:
        return _stripped(raw).decode("utf-8", "surrogateescape")
    text = bytearray()
    for number, piece in enumerate(physical_lines(raw)):
        _append(text, piece)
        if number < len(starts):
            del text[-1]
    return text.decode("utf-8", "surrogateescape")


def _append(content: bytearray, raw: bytes) -> None:
    """Add what is read of a physical line; of the line ends, an earlier one's may go as well."""
    content += raw.partition(b"\0")[0]
    while content.endswith((b"\n", b"\r")):
        del content[-1]


def _stripped(raw: bytes) -> bytes:
    if b"\0" in raw:
        raw = raw.partition(b"\0")[0]
    return raw.rstrip(b"\r\n")


def _unquoted(match: re.Match[str]) -> str:
    return match[1].replace('""', '"')
