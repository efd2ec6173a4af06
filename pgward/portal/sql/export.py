"""An answer as a file: CSV (RFC 4180), a thousand rows at a time, and no more than is allowed.

A spreadsheet shows what is in it and runs nothing. NULL is empty, and an empty text is quoted.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from pgward.core.errors import ConflictError
from pgward.portal.sql.dialogue import Answer, Dialogue
from pgward.portal.sql.reader import Room, Row, Value
from pgward.portal.sql.splitting import Statement
from pgward.portal.sql.types import is_number

CHUNK_ROWS: Final = 1_000
MOST_ROWS: Final = 100_000
MOST_BYTES: Final = 64 << 20
_MOST_VALUE: Final = 16 << 20
_CHUNK_BYTES: Final = 256 << 10
_PLAIN: Final = re.compile(r"[-+]?[0-9][0-9.]*(?:[eE][-+]?[0-9]+)?")
# OWASP, "CSV injection": a cell that begins so is a formula, or becomes one.
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(slots=True)
class Export:
    """One file; ``rows`` and ``size`` are what is written so far, ``cut`` is why it is not all."""

    answer: Answer
    rows: int = 0
    size: int = 0
    cut: str = ""

    @classmethod
    def of(cls, statement: Statement) -> "Export":
        """Begin one."""
        return cls(Answer(statement))

    async def lines(self, dialogue: Dialogue) -> AsyncGenerator[str, None]:
        """Yield the file in pieces, none before PostgreSQL has said which columns there are.

        Raises ConflictError where there is nothing to write; the answer has PostgreSQL's error.
        """
        room = Room(_MOST_VALUE, MOST_BYTES)
        rows = dialogue.stream(self.answer, rows=CHUNK_ROWS, room=room)
        while True:
            async with aclosing(self._pieces(rows)) as found:
                async for piece in found:
                    yield self._written(piece)
            if end := self._end():
                yield self._written(end)
            if self.cut or not self.answer.more:
                return
            rows = dialogue.go_on(self.answer, rows=CHUNK_ROWS, room=room)

    async def _pieces(self, rows: AsyncGenerator[Row, None]) -> AsyncGenerator[str, None]:
        piece: list[str] = []
        held = 0
        async with aclosing(rows) as found:
            async for row in found:
                piece.append(self._line(row.values))
                held += len(piece[-1])
                if self.cut:
                    break
                if held > _CHUNK_BYTES:
                    yield "".join(piece)
                    piece, held = [], 0
        if piece:
            yield "".join(piece)

    def _end(self) -> str:
        """Return what stands behind the rows so far: why they are not all, or a lone heading."""
        if self.answer.error is not None:
            self.cut = self.answer.error.get("M", "it failed")
        if not self.rows and (self.cut or self.answer.columns is None):
            raise ConflictError("there is no answer to save", hint="run it, and see")
        if self.cut:
            return line([f"cut off: {self.cut}"])
        return "" if self.rows else self._heading()

    def _heading(self) -> str:
        return line([each.name for each in self.answer.columns or ()])

    def _line(self, values: Sequence[Value]) -> str:
        heading = "" if self.rows else self._heading()
        self.rows += 1
        if any(each.is_cut for each in values):
            self.cut = f"more than {MOST_BYTES >> 20} MiB, or a value of more than 16 MiB"
        elif self.rows >= MOST_ROWS:
            self.cut = f"{MOST_ROWS} rows are the most"
        columns = self.answer.columns or ()
        cells = zip(columns, values, strict=False)
        return heading + ",".join(_cell(value, column.type) for column, value in cells) + "\r\n"

    def _written(self, text: str) -> str:
        self.size += len(text.encode())
        return text


def line(texts: Sequence[str]) -> str:
    """Return a line of texts."""
    return ",".join(_quoted(each) for each in texts) + "\r\n"


def _cell(value: Value, oid: int) -> str:
    if value.kept is None:
        return ""
    text = value.kept.decode("utf-8", "replace")
    return text if is_number(oid) and _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    if text.lstrip(" ").startswith(_FORMULAS):
        text = f"'{text}"
    if text and not any(mark in text for mark in ',"\r\n') and text == text.strip():
        return text
    return '"{}"'.format(text.replace('"', '""'))
