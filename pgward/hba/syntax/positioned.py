"""Lines whose words stand elsewhere than PostgreSQL would find them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from pgward.hba.syntax.tokens import Line


class Spot(NamedTuple):
    """Where a word begins, physical line and column from 1, and its part of the line's text."""

    line: int
    column: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PositionedLine(Line):
    """``spots`` are those of its words, field by field; ``written`` is what the server reads."""

    spots: tuple[tuple[Spot, ...], ...] = ()
    ends: tuple[int, int] = (1, 1)
    written: str = ""
    begins: int = 0

    @property
    def column(self) -> int:
        """Where it begins, from 1, where others stand in the same physical line; else 0."""
        return self.begins

    @property
    def text(self) -> str:
        """What the server reads of it, in one piece."""
        return self.written

    def place(self, field: int, token: int = 0) -> tuple[int, int]:
        """Return the physical line and the column, both from 1, where a token begins."""
        if field >= len(self.spots):
            return self.ends
        spot = self.spots[field][min(token, len(self.spots[field]) - 1)]
        return spot.line, spot.column

    def hidden(self, begins: Collection[str]) -> str:
        """Return its text with ``…`` for what follows ``begins`` in a field."""
        text = self.written
        for field, spots in reversed(list(zip(self.fields, self.spots, strict=True))):
            for index, token in enumerate(field):
                begun = next((each for each in begins if token.text.startswith(each)), None)
                if begun is not None:
                    text = f"{text[: spots[index].start]}{begun}…{text[spots[-1].end :]}"
                    break
        return text
