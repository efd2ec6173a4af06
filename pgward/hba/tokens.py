r"""Read pg_hba.conf and pg_ident.conf as PostgreSQL does, and give every byte back.

The rules are those of ``next_token`` and ``tokenize_auth_file`` in PostgreSQL's
src/backend/libpq/hba.c: fields are separated by blanks, a field is a list separated by commas,
a double quote switches quoting on and off, ``""`` inside quotes is one quote, ``#`` outside quotes
starts a comment, and from version 14 on a backslash at the end continues a line.

Pure. Bytes that are not UTF-8 survive as surrogates. Nothing here raises.
"""

from dataclasses import dataclass

_BLANKS = " \t\r"


@dataclass(frozen=True, slots=True)
class Token:
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
    """A logical line: the number of its first line (from 1), its bytes, its fields."""

    number: int
    raw: bytes
    fields: tuple[Field, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The first word of each field."""
        return tuple(field[0].text for field in self.fields)


def parse(data: bytes, *, continuation: bool = True) -> list[Line]:
    """Split a file into logical lines; ``b"".join(line.raw for …)`` is ``data`` again."""
    lines: list[Line] = []
    physical = physical_lines(data)
    position = 0
    while position < len(physical):
        count, content = _logical(physical, position, continuation=continuation)
        raw = b"".join(physical[position : position + count])
        text = content.decode("utf-8", "surrogateescape")
        lines.append(Line(position + 1, raw, tuple(fields(text))))
        position += count
    return lines


def fields(text: str) -> list[Field]:
    """Return the fields of one logical line's text, without its line end."""
    found: list[Field] = []
    reader = _Reader(text)
    while field := reader.field():
        found.append(field)
    return found


def quote(word: str) -> str:
    """Write ``word`` so that it is read as itself: no keyword, no list, no comment, no @file."""
    return '"' + word.replace('"', '""') + '"'


def physical_lines(data: bytes) -> list[bytes]:
    """Split at line feeds only, and keep them."""
    pieces = data.split(b"\n")
    ended = [piece + b"\n" for piece in pieces[:-1]]
    return [*ended, pieces[-1]] if pieces[-1] else ended


def _logical(physical: list[bytes], start: int, *, continuation: bool) -> tuple[int, bytes]:
    """Return how many physical lines the logical line at ``start`` takes, and its content."""
    content, mark = b"", 0
    for count, raw in enumerate(physical[start:], 1):
        content = (content + raw).rstrip(b"\r\n")
        # A backslash that an earlier continuation left at the end counts no second time.
        if not (continuation and len(content) > mark and content.endswith(b"\\")):
            return count, content
        content = content[:-1]
        mark = len(content)
    return len(physical) - start, content


class _Reader:
    """``next_field_expand`` and ``next_token`` over one line, without reading @files."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def field(self) -> Field:
        found: list[Token] = []
        more = True
        while more:
            token, more = self._token()
            if token is None:
                break
            found.append(token)
        return tuple(found)

    def _token(self) -> tuple[Token | None, bool]:
        """Return the next word, and whether a comma follows it at once."""
        self._skip_separators()
        letters: list[str] = []
        quoting = was_quote = saw_quote = began_quoted = comma = False
        while (char := self._peek()) and (quoting or char not in _BLANKS):
            if char == "#" and not quoting:
                self._at = len(self._text)
                break
            self._at += 1
            if char == "," and not quoting:
                comma = True
                break
            if char != '"' or was_quote:
                letters.append(char)
            was_quote = quoting and char == '"' and not was_quote
            if char == '"':
                quoting, saw_quote = not quoting, True
                began_quoted = began_quoted or not letters
        if not letters and not saw_quote:
            return None, comma
        return Token("".join(letters), began_quoted), comma

    def _skip_separators(self) -> None:
        while (char := self._peek()) and (char in _BLANKS or char == ","):
            self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]
