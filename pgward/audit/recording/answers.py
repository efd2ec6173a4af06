"""Recorded answers as text: the backend's messages, as psql would show their rows.

What was recorded of an answer may end anywhere, as only its first bytes are kept; the next answer
begins anew. Formats: PostgreSQL manual, chapter 54.7.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pgward.audit.records.parameters import binary

_HEADER = struct.Struct("!BI")
_COLUMN = struct.Struct("!IhIhih")
_INT16, _INT32 = struct.Struct("!H"), struct.Struct("!i")
_LEAST: Final = 4
_MOST_DESCRIBED: Final = 10_000
_ROWS, _ROW, _COMPLETE, _ERROR, _READY, _COPIED, _NO_ROWS = b"TDCEZdn"
_NOTICE, _NOTIFICATION = b"NA"
_KNOWN: Final = frozenset(b"123ACDEGHIKNRSTVWZcdnst")
_MOST_COLUMNS: Final = 1664
_WIDEST: Final = 60
CUT: Final = "(what followed was not recorded)"
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NULL: Final = "NULL"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result; ``binary`` if its values come so."""

    name: str
    type: int
    binary: bool


class Table(NamedTuple):
    """Rows, of which None is NULL; without ``columns`` nobody described them.

    ``whole`` if it ends here as it ended then.
    """

    columns: list[Column]
    rows: list[list[str | None]]
    whole: bool

    def lines(self) -> Iterator[str]:
        """Yield it as text."""
        shown = [[_NULL if value is None else value for value in row] for row in self.rows]
        yield from table([column.name for column in self.columns], shown)
        if self.whole:
            yield f"({len(self.rows)} row{'' if len(self.rows) == 1 else 's'})"


Answer = Table | str
"""A table, or a line of another kind."""


def lines(answers: Iterable[Answer]) -> list[str]:
    """Return answers as text."""
    return [
        line for each in answers for line in (each.lines() if isinstance(each, Table) else (each,))
    ]


@dataclass(slots=True)
class Answers:
    """Reads one session's answers; ``limit`` is how many bytes of each were recorded, if known."""

    limit: int | None = None
    _waiting: bytes = b""
    _taken: int = 0
    _columns: list[Column] | None = None
    _rows: list[list[str | None]] = field(default_factory=list)
    _prepared: str | None = None
    _is_named: bool = False  # the rows that were described last are those of a statement's name
    _described: dict[str, list[Column]] = field(default_factory=dict)

    def prepared(self, name: str) -> None:
        """Hear that a statement gets a name: the next description is of its rows."""
        self._prepared = name

    def executed(self, name: str) -> None:
        """Hear that a statement with a name is executed: its rows may have been described before.

        Where several are on their way, it is not known whose the next rows are.
        """
        is_alone = self._columns is None and not self.begun
        self._columns = self._described.get(name) if is_alone else None

    @property
    def begun(self) -> bool:
        """Whether an answer has begun whose end did not come yet."""
        return self._taken > 0

    @property
    def weight(self) -> int:
        """How much is held: bytes that wait, values and names."""
        rows = sum(len(value or "") for row in self._rows for value in row)
        return len(self._waiting) + rows + sum(map(len, self._described.values()))

    def feed(self, data: bytes) -> list[Answer]:
        """Return what more bytes complete."""
        self._taken += len(data)
        found = list(self._read(self._waiting + data))
        if self.limit is not None and self._taken >= self.limit:
            found += self.cut()
        return found

    def cut(self) -> list[Answer]:
        """Return what there is of an answer of which nothing more was recorded."""
        found: list[Answer] = [*self._table(whole=False), CUT]
        self._waiting, self._taken = b"", 0
        return found

    def _read(self, data: bytes) -> Iterator[Answer]:
        at, ready = 0, False
        while at + _HEADER.size <= len(data):
            kind, length = _HEADER.unpack_from(data, at)
            if kind not in _KNOWN or length < _LEAST:  # we lost the thread: the next read begins
                self._waiting = b""
                yield from self.cut()
                return
            end = at + 1 + length
            if end > len(data):
                break
            yield from self._message(kind, data[at + _HEADER.size : end])
            ready = ready or kind == _READY
            at = end
        self._waiting = data[at:]
        if ready:
            self._taken = 0

    def _message(self, kind: int, body: bytes) -> Iterator[Answer]:
        if kind in {_ROWS, _NO_ROWS}:
            self._describe(_columns(body) if kind == _ROWS else None)
        elif kind == _ROW:
            self._rows.append(_values(body, self._columns))
        elif kind == _COPIED:
            yield shown(body.rstrip(b"\n")).expandtabs()
        elif kind == _NOTICE:
            yield _notice(body)
        elif kind == _NOTIFICATION:
            yield _notification(body)
        elif kind == _COMPLETE or (kind in {_ERROR, _READY} and self._rows):
            yield from self._table()
        if kind == _ERROR or (kind == _READY and self._is_named):
            self._columns, self._prepared, self._is_named = None, None, False

    def _describe(self, columns: list[Column] | None) -> None:
        self._columns, name = columns, self._prepared
        self._prepared, self._is_named = None, name is not None
        if name is not None:
            self._described.pop(name, None)
            if columns is not None and len(self._described) < _MOST_DESCRIBED:
                self._described[name] = columns

    def _table(self, *, whole: bool = True) -> Iterator[Table]:
        rows, columns = self._rows, self._columns
        self._rows, self._columns = [], None if whole else columns
        if rows or columns:
            yield Table(columns or [], rows, whole)


def table(names: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Yield a table's lines; without names there is no head."""
    count = max([len(names), *(len(row) for row in rows)])
    widths = [
        max((len(line[place]) for line in (names, *rows) if place < len(line)), default=0)
        for place in range(count)
    ]
    widths = [min(width, _WIDEST) for width in widths]
    if names:
        yield _line([name.center(width) for name, width in zip(names, widths, strict=False)])
        yield "-+-".join("-" * width for width in widths)
    for row in rows:
        yield _line([value.ljust(width) for value, width in zip(row, widths, strict=False)])


def shown(data: bytes) -> str:
    """Return a value as text: in hex unless it is UTF-8 without control characters."""
    return data.decode() if _is_text(data) else f"\\x{data.hex()}"


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return _CONTROL.search(data) is None


def _line(values: list[str]) -> str:
    return " | ".join(value.replace("\n", "⏎").replace("\t", " ") for value in values).rstrip()


def _notice(body: bytes) -> str:
    """Return a notice as psql shows it (PostgreSQL manual, 54.8)."""
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0")}
    return f"{fields.get(b'S', 'NOTICE')}:  {fields.get(b'M', '')}".replace("\n", "⏎")


def _notification(body: bytes) -> str:
    channel, _, rest = body[4:].partition(b"\0")
    payload = shown(rest.partition(b"\0")[0])
    return f"(notified on {shown(channel)}{f': {payload}' if payload else ''})".replace("\n", "⏎")


def _columns(body: bytes) -> list[Column] | None:
    try:
        (count,) = _INT16.unpack_from(body)
        found, at = [], _INT16.size
        for _ in range(min(count, _MOST_COLUMNS)):
            end = body.index(b"\0", at)
            name = body[at:end].decode("utf-8", "replace")
            _, _, kind, _, _, form = _COLUMN.unpack_from(body, end + 1)
            found.append(Column(name, kind, form == 1))
            at = end + 1 + _COLUMN.size
    except (struct.error, ValueError):
        return None
    return found


def _values(body: bytes, columns: list[Column] | None) -> list[str | None]:
    found: list[str | None] = []
    try:
        (count,) = _INT16.unpack_from(body)
        at = _INT16.size
        for place in range(min(count, _MOST_COLUMNS)):
            (size,) = _INT32.unpack_from(body, at)
            at += _INT32.size
            if size < 0:
                found.append(None)
                continue
            column = columns[place] if columns and place < len(columns) else None
            found.append(_value(body[at : at + size], column))
            at += size
    except struct.error:
        found.append("?")
    return found


def _value(data: bytes, column: Column | None) -> str:
    # A description of a prepared statement says "text" of what may be asked for in binary.
    if column is not None and (column.binary or not _is_text(data)):
        return binary(data, column.type)
    return shown(data)
