"""Takes one field of a line after the other."""

from collections.abc import Iterator

from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.tokens import Field, Token


class Reader:
    """``at`` is the number of the field that comes next, from 0."""

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self._fields = fields
        self.at = 0

    def field(self, what: str) -> Field:
        """Take the next one; raise BadLineError when there is none."""
        if self.at >= len(self._fields):
            raise BadLineError(f"the line ends before the {what}", self.at)
        self.at += 1
        return self._fields[self.at - 1]

    def word(self, what: str) -> Token:
        """Take one that must be one word; raise BadLineError."""
        field = self.field(what)
        if len(field) > 1:
            raise BadLineError(f"there is more than one {what}", self.at - 1, 1)
        return field[0]

    def single(self, what: str) -> str:
        """Take one that must be one word, as its text; raise BadLineError."""
        return self.word(what).text

    def rest(self) -> Iterator[tuple[int, Field]]:
        """Take what is left, each with its number."""
        while self.at < len(self._fields):
            self.at += 1
            yield self.at - 1, self._fields[self.at - 1]
