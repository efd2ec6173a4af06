"""Cuts what somebody wrote into statements, as psql does, so that each is answered by itself. Pure.

PostgreSQL's manual, section 4.1, and psql's ``psqlscan.l``: a semicolon ends a statement outside
parentheses and outside the body of a function in standard SQL (``BEGIN ATOMIC … END``).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from pgward.audit.sql_tokens import Kind, tokens

_BLANK = (Kind.SPACE, Kind.BLOCK)
_ROUTINES = (("create", "function"), ("create", "procedure"))
_REPLACED = tuple((first, "or", "replace", last) for first, last in _ROUTINES)


class Statement(NamedTuple):
    """One statement; ``at`` is how many letters of the whole text stand before it."""

    text: str
    at: int


@dataclass(slots=True)
class _Nesting:
    """How deep the scanner is in parentheses, and in the body of a routine."""

    parentheses: int = 0
    blocks: int = 0
    words: list[str] = field(default_factory=list)

    def mark(self, mark: bytes) -> None:
        self.parentheses = max(0, self.parentheses + mark.count(b"(") - mark.count(b")"))

    def word(self, word: str) -> None:
        if len(self.words) < len(_REPLACED[0]):
            self.words.append(word)
        if self.parentheses or not self._in_routine():
            return
        if word == "begin" or (word == "case" and self.blocks):
            self.blocks += 1
        elif word == "end" and self.blocks:
            self.blocks -= 1

    @property
    def is_outside(self) -> bool:
        """Whether a semicolon ends the statement."""
        return not (self.parentheses or self.blocks)

    def _in_routine(self) -> bool:
        return tuple(self.words[:2]) in _ROUTINES or tuple(self.words) in _REPLACED


def split(text: str) -> list[Statement]:
    """Return the statements of a text, without the semicolons; what holds none is left out."""
    data = text.encode("utf-8", "surrogatepass")
    found: list[Statement] = []
    nesting, first, last = _Nesting(), -1, 0
    letters = _Letters(data)
    for token in tokens(data):
        if token.kind in _BLANK:
            continue
        piece = data[token.start : token.end]
        if token.kind is Kind.MARK and piece == b";" and nesting.is_outside:
            if first >= 0:
                found.append(letters.statement(first, last))
            nesting, first = _Nesting(), -1
            continue
        if token.kind is Kind.MARK:
            nesting.mark(piece)
        elif token.kind is Kind.WORD:
            nesting.word(piece.decode("utf-8", "replace").lower())
        first = token.start if first < 0 else first
        last = token.end
    if first >= 0:
        found.append(letters.statement(first, last))
    return found


class _Letters:
    """Counts letters before a byte, going forward only."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = self._count = 0

    def statement(self, first: int, last: int) -> Statement:
        before = self._data[self._at : first]
        self._count += len(before.decode("utf-8", "surrogatepass"))
        self._at = first
        return Statement(self._data[first:last].decode("utf-8", "surrogatepass"), self._count)
