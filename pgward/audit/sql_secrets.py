"""Where secrets stand in SQL: behind which words, in which columns, in which parameters."""

import re
import string
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

from pgward.audit.sql_tokens import Kind, cut, skip

HIDDEN = b"***"
_LITERAL = b"'***'"
_MOST_ROUNDS = 5
_DEEPEST = 8  # dollar quotes within dollar quotes

_PWD = rb"(?<![a-z0-9])pwd(?![a-z0-9])"
_FAR = 256  # a longer word is not looked for
_LETTERS = b"_$" + bytes(range(0x80, 0x100)) + (string.ascii_letters + string.digits).encode()
# Of URLs, those that tables are full of hold no password.
_NEEDLE = re.compile(
    rb"passw|secret|passphrase|pwd|://(?=[^/?#\s:@'\"]{0,256}+:[^@\s'/]{1,1024}+@)"
)
_SENSITIVE = re.compile(rb"passw|secret|passphrase|" + _PWD, re.IGNORECASE)

# What a sensitive word may be followed by for the next literal to be the secret.
_CARRY = frozenset(
    b"to is not distinct like ilike similar in any all some array row encrypted".split()
)
_LISTS = frozenset(b"in any all some array".split())
_ENDS = frozenset(b"values value select where and or on using returning as".split())
_GO_ON = (b"(", b".")  # behind a word that is not the end of what a sensitive one said
_BETWEEN_LISTS = frozenset(b"values value row overriding system user".split())
# Within a literal, or a parameter: a sensitive word, then a value of its own.
_BARE = rb"""[^\s'"&;,\\()\[\]{}]++"""
_JSON = rb""" "(?:[^"\\]++|\\.)*+(?:"|\Z) | \\"(?:[^"\\]++|\\[^"])*+(?:\\"|\Z) """
_DOUBLED = rb""" ''(?:[^'\\]++|\\''|\\.)*+(?:''|\Z) | \\'(?:[^'\\]++|\\[^'])*+(?:\\'|\Z) """
_SINGLE = rb""" '(?:[^'\\]++|''|\\.)*+(?:'|\Z) """
_FLAGS = re.VERBOSE | re.DOTALL | re.IGNORECASE


# Rows whose values are plain strings, parameters, numbers, and no words but these.
_PLAIN = rb"""\s*+ (?: '[^']*+' | \$[0-9]++ | [0-9]++ (?:\.[0-9]++|(?!))?+
    | (?:null|default|true|false)(?![\w$\x80-\xff]) ) \s*+"""
_ROWS = re.compile(
    # ``|(?!)``: see tests/unit/tools/test_regexes.py.
    rb"(?: \( " + _PLAIN + rb"(?: , " + _PLAIN + rb"|(?!))*+ \) \s*+"
    rb" (?: ,(?=\s*+\() \s*+ |(?!))?+ |(?!))++",
    re.VERBOSE | re.IGNORECASE,
)
_CELL = re.compile(rb"\( | ('[^']*+') | \$([0-9]++) | (,)", re.VERBOSE)
_QUOTED, _BETWEEN = 1, 3
_OPENING = ord("(")


def _embedded(quote: bytes, quoted: bytes) -> re.Pattern[bytes]:
    return re.compile(
        rb"(?P<before> (?: passw | secret | passphrase | "
        + _PWD
        + rb""" )[\w.-]{0,64}+ (?: " | \\" | \\' | """
        + quote
        + rb""" )?+ \s*+ )
            (?: (?P<sign> (?: =>?+ | :=?+ ) \s*+ ) (?P<value> """
        + rb"|".join((quoted, _JSON, _BARE))
        + rb") | (?P<quoted> "
        + quoted
        + rb" ) )",
        _FLAGS,
    )


_IN_LITERAL = _embedded(rb"''", _DOUBLED)
_IN_RAW = _embedded(rb"'", _SINGLE)
_URL = re.compile(rb"(://[^/?#\s:@'\"]{0,256}+:)[^@\s'/]{1,1024}+(?=@)")


def _meaning(word: bytes) -> tuple[bool, bool, bool]:
    """Return whether a word is sensitive, or passes that on, or ends it."""
    return _SENSITIVE.search(word) is not None, word in _CARRY, word in _ENDS


_known = lru_cache(maxsize=1024)(_meaning)


def hide_raw(value: bytes) -> bytes:
    """Hide the secrets in a value that is no SQL literal: a parameter, a comment."""
    return _hide(_IN_RAW, value)


def _hide(pattern: re.Pattern[bytes], content: bytes) -> bytes:
    for _ in range(_MOST_ROUNDS):  # what one round leaves may look otherwise to the next
        hidden = _URL.sub(rb"\1***", content) if b"://" in content else content
        hidden = pattern.sub(_hidden, hidden)
        if hidden == content:
            break
        content = hidden
    return content


def _hidden(found: re.Match[bytes]) -> bytes:
    value = found["value"] or found["quoted"]
    for quote in (b"''", b"\\'", b'\\"', b"'", b'"'):
        if value.startswith(quote):
            return b"".join((found["before"], found["sign"] or b"", quote, HIDDEN, quote))
    return b"".join((found["before"], found["sign"] or b"", HIDDEN))


@dataclass(frozen=True, slots=True)
class Found:
    """SQL without its secrets, and the parameters (from 1) that are secrets."""

    text: bytes
    parameters: frozenset[int]


def find(text: bytes) -> Found:
    """Find and hide the secrets of a text of SQL."""
    output = _Output(text)
    _Level(output, 0).read(0, len(text))
    return Found(output.finished(), frozenset(output.parameters))


class _Output:
    """The text as it is, but for what is replaced in it."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.parameters: set[int] = set()
        self.needles = [found.start() for found in _NEEDLE.finditer(text.lower())]
        self._parts: list[bytes] = []
        self._kept = 0  # up to here the text is in the parts

    def needs(self, start: int, end: int) -> bool:
        """Tell whether a word that is looked for begins in a stretch."""
        needles = self.needles
        place = bisect_left(needles, start)
        return place < len(needles) and needles[place] < end

    def replace(self, start: int, end: int, by: bytes) -> None:
        self._parts += (self.text[self._kept : start], by)
        self._kept = end

    def hide_literal(self, start: int, end: int) -> None:
        """Put a literal there that is one token, whatever stands beside it."""
        before = (
            self._parts[-1] if self._kept == start and self._parts else self.text[start - 1 : start]
        )
        spaced = b" " + _LITERAL if before.endswith((b"'", b"&")) else _LITERAL
        self.replace(start, end, spaced + b" " if self.text.startswith(b"'", end) else spaced)

    def finished(self) -> bytes:
        if not self._parts:
            return self.text
        return b"".join((*self._parts, self.text[self._kept :]))


class _Lists:
    """Columns in parentheses, and behind them the values that belong to the secret ones."""

    __slots__ = ("_hits", "_plain", "columns", "depth", "index")

    def __init__(self) -> None:
        self.index = 0
        self.depth = 0  # within a tuple of values
        self._hits: set[int] = set()  # while the names are read
        self.columns: frozenset[int] = frozenset()  # when values are expected
        self._plain = False  # only names so far, since the parenthesis

    @property
    def secret(self) -> bool:
        """Whether what stands here belongs to a secret column."""
        return self.depth > 0 and self.index in self.columns

    @property
    def idle(self) -> bool:
        """Whether no secret column is known."""
        return not self.columns and not (self._plain and self._hits)

    @property
    def awaits_rows(self) -> bool:
        """Whether a parenthesis would begin a tuple of values."""
        return bool(self.columns) and not self.depth

    def name(self, word: bytes, *, sensitive: bool) -> None:
        if self.depth:
            return
        if self._plain and sensitive:
            self._hits.add(self.index)
        elif self.columns and word not in _BETWEEN_LISTS:
            self.columns = frozenset()

    def other(self) -> None:
        """Read what is no name: then this is no list of columns."""
        if not self.depth:
            self._plain, self.columns = False, frozenset()

    def open(self) -> None:
        if self.depth or self.columns:
            self.depth += 1
            if self.depth == 1:
                self.index = 0
        else:
            self._plain, self.index, self._hits = True, 0, set()

    def close(self) -> None:
        if self.depth:
            self.depth -= 1
        elif self._plain:
            self.columns, self._plain = frozenset(self._hits), False


class _Level:
    """Reads one level of SQL: the whole text, or the body of a dollar quote."""

    __slots__ = (
        *("_armed", "_behind", "_depth", "_last", "_listing", "_lists", "_output", "_setting"),
        "_text",
    )

    def __init__(self, output: _Output, depth: int) -> None:
        self._output = output
        self._text = output.text
        self._depth = depth
        self._lists = _Lists()
        self._armed = False  # the next literal is a secret
        self._listing = False  # also those behind commas
        self._last = b""  # word
        self._behind = 0  # rows that were read at once
        self._setting = 0  # 1 in set_config(, 2 behind a name that is sensitive

    def read(self, start: int, end: int) -> None:
        needles = self._output.needles
        first, behind = bisect_left(needles, start), bisect_left(needles, end)
        if first == behind:
            return
        self.take(self._beginning(start, needles[first]), end, needles[behind - 1])

    def take(self, start: int, end: int, last: int) -> None:
        """Read ``text[start:end]``, but what bears on nothing behind the place ``last``."""
        while start < end:
            start = self._go_on(start, end, last)

    def _go_on(self, start: int, end: int, last: int) -> int:
        """Read up to the end of plain rows of values, if there are any; return where that is."""
        text, lists, mark = self._text, self._lists, self._mark
        for kind, at, to, inner, until in cut(text, start, end):
            if kind is Kind.MARK:
                if lists.awaits_rows and text[at] == _OPENING and self._rows(at, end):
                    return self._behind
                mark(text[at:to])
            elif kind is Kind.WORD or kind is Kind.NAME:
                self._word(text[at:to].lower(), to)
            elif kind is Kind.LITERAL or kind is Kind.DOLLAR:
                self._literal(kind, at, to, inner, until)
            elif kind is Kind.PARAMETER:
                if self._armed or lists.secret:
                    self._parameter(text[at + 1 : to])
                lists.other()
            elif kind is Kind.NUMBER:
                self._armed = False
                lists.other()
            else:
                self._comment(kind, at, to)
            if to > last and not self._armed and not self._setting and lists.idle:
                break
        return end

    def _rows(self, start: int, end: int) -> bool:
        """Read rows of plain values, which most of a long INSERT consists of; False for others."""
        found = _ROWS.match(self._text, start, end)
        if found is None or self._setting or self._output.needs(start, found.end()):
            return False
        lists, index = self._lists, 0
        for cell in _CELL.finditer(self._text, start, found.end()):
            kind = cell.lastindex
            if kind is None:
                index = 0  # a parenthesis opens
            elif kind == _BETWEEN:
                index += 1
            elif index in lists.columns:
                if kind == _QUOTED:
                    self._output.hide_literal(*cell.span())
                else:
                    self._parameter(cell[kind])
        self._armed = self._listing = False
        self._behind = found.end()
        return True

    def _beginning(self, start: int, needle: int) -> int:
        """Return where to begin: before the word, or the parentheses, that a needle stands in."""
        at = self._word_before(start, needle)
        for _ in range(_MOST_ROUNDS):
            parenthesis = self._text.rfind(b"(", start, at)
            if parenthesis >= 0:
                at = self._word_before(start, parenthesis)
            found = skip(self._text, start, at)
            if found == at:
                return at
            at = found  # that was within a literal
        return start

    def _word_before(self, start: int, end: int) -> int:
        """Return where the word begins that ends, or has spaces, before ``end``."""
        least = max(start, end - _FAR)
        word = self._text[least:end].rstrip(b" \t\n\r\f\v").rstrip(_LETTERS)
        return least + len(word) if word else start

    def _word(self, word: bytes, end: int) -> None:
        sensitive, carries, ends = _known(word) if len(word) <= _FAR else _meaning(word)
        self._lists.name(word, sensitive=sensitive)
        if sensitive:
            self._armed, self._listing = True, self._follows(end) == b"("
        elif carries or (word == b"from" and self._last == b"distinct"):
            self._listing = self._listing or word in _LISTS
        elif (self._armed or self._listing) and (ends or self._follows(end) not in _GO_ON):
            self._armed = self._listing = False
        self._setting = 1 if word == b"set_config" else 0
        self._last = word

    def _follows(self, at: int) -> bytes:
        return self._text[at : at + 8].lstrip()[:1]

    def _mark(self, mark: bytes) -> None:
        lists = self._lists
        if mark == b",":
            lists.index += lists.depth <= 1
            self._armed = (self._armed and self._listing) or self._setting == 2  # noqa: PLR2004
            self._setting = 0
        elif mark == b"(":
            lists.open()
            self._armed = self._armed and lists.depth != 1
        elif mark == b")":
            lists.close()
            self._listing = False
            self._setting = 0
        elif mark.strip(b"="):
            lists.other()
            if mark in (b"]", b";"):
                self._armed = self._armed and mark == b"]"
                self._listing = False
                self._setting = 0

    def _literal(self, kind: Kind, at: int, to: int, first: int, last: int) -> None:
        secret = self._armed or self._lists.secret
        self._lists.other()
        if secret:
            self._output.hide_literal(at, to)
        elif kind is Kind.LITERAL:
            self._content(first, last)
        elif self._depth < _DEEPEST:
            _Level(self._output, self._depth + 1).read(first, last)

    def _comment(self, kind: Kind, at: int, to: int) -> None:
        if not self._output.needs(at, to):
            return
        content = self._text[at:to]
        if hide_raw(content) == content:
            return
        closing = b" */" if kind is Kind.BLOCK and content.endswith(b"*/") else b""
        self._output.replace(at, to, content[:2] + b" ***" + closing)

    def _content(self, first: int, last: int) -> None:
        if not self._output.needs(first, last):
            return
        content = self._text[first:last]
        if self._setting == 1 and _SENSITIVE.search(content):
            self._setting = 2
        hidden = _hide(_IN_LITERAL, content)
        if hidden != content:
            self._output.replace(first, last, hidden)

    def _parameter(self, digits: bytes) -> None:
        if len(digits) <= 5:  # noqa: PLR2004  # a Bind has 65535 at most
            self._output.parameters.add(int(digits))
        self._armed = self._armed and self._listing
