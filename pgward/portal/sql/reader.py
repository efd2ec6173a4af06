"""Takes PostgreSQL's answers out of bytes as they come, and keeps no more than is wanted. Pure.

A value may be a gigabyte long, an error as well: what is not kept is counted and passed over, so
memory is bounded by what was wanted and never by what came (manual, chapter 54.7).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from pgward.pgwire import backend
from pgward.pgwire.backend import Column
from pgward.pgwire.body import INT32, UINT16, UINT32
from pgward.pgwire.errors import WireError

MOST_KEPT: Final = 1 << 20
"""Bytes of a message other than a row; the longest description of columns has some 200 KB."""
MOST_TEXT: Final = 64 << 10
"""Bytes that are kept of an error or a notice."""
_HEADER: Final = 5
_LEAST: Final = 4
_CUT_OFF: Final = "an answer is shorter than what it should hold"


class Value(NamedTuple):
    """A value as text, as far as it was kept, and how many bytes it has; None is NULL."""

    kept: bytes | None
    size: int

    @property
    def is_cut(self) -> bool:
        """Whether some of it was not kept."""
        return self.kept is not None and len(self.kept) < self.size


NULL: Final = Value(None, 0)
UNKEPT: Final = Value(b"", 1)
"""What stands for a value for which there was no room at all: also a short one costs memory."""
_COST: Final = 64  # bytes of an object in memory


@dataclass(slots=True)
class Room:
    """How many bytes may be kept: of each value, and of all in the end; ``left`` goes down."""

    each: int
    left: int


@dataclass(frozen=True, slots=True)
class Columns:
    """What the rows that follow consist of."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """A statement has ended, with its tag; without one it was empty."""

    tag: str = ""


@dataclass(frozen=True, slots=True)
class Suspended:
    """As many rows came as were asked for, and there may be more."""


@dataclass(frozen=True, slots=True)
class Said:
    """An error or a notice, by the letters of its fields."""

    is_error: bool
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ready:
    """All that was asked is answered; ``status`` is what a transaction is in."""

    status: bytes


@dataclass(frozen=True, slots=True)
class Copying:
    """A COPY begins to be sent, or wants to be."""

    is_out: bool


@dataclass(frozen=True, slots=True)
class Notified:
    """Somebody said NOTIFY."""

    channel: str
    payload: str


Event: TypeAlias = Columns | Row | Done | Suspended | Said | Ready | Copying | Notified
_Steps: TypeAlias = Generator[Event | None, None, None]
_UNTOLD: Final = frozenset(
    {
        *(backend.PARSE_COMPLETE, backend.BIND_COMPLETE, backend.CLOSE_COMPLETE),
        *(backend.NO_DATA, backend.PARAMETER_STATUS, backend.PARAMETER_DESCRIPTION),
        *(backend.COPY_DATA, backend.COPY_DONE),
    }
)


class Reader:
    """Reads one connection behind its login; ``room`` may be another one for each statement."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self._data = bytearray()
        self._at = 0
        self._steps = self._messages()

    def feed(self, data: bytes) -> list[Event]:
        """Return what has come; raise WireError for what is no answer of PostgreSQL's."""
        del self._data[: self._at]
        self._at = 0
        self._data += data
        found: list[Event] = []
        while (event := next(self._steps)) is not None:
            found.append(event)
        return found

    # Each step of the generators below is an event, or None: more has to come.

    def _messages(self) -> _Steps:
        while True:
            head = yield from self._take(_HEADER)
            kind, length = head[:1], int(UINT32.unpack_from(head, 1)[0])
            if length < _LEAST:
                raise WireError("what came is no PostgreSQL message: its length is below four")
            size = length - _LEAST
            if kind == backend.DATA_ROW:
                yield from self._row(size)
            elif kind in _UNTOLD:
                yield from self._take(size, keep=0)
            else:
                yield from self._told(kind, size)

    def _told(self, kind: bytes, size: int) -> _Steps:
        if kind in {backend.ERROR, backend.NOTICE}:
            body = yield from self._take(size, keep=MOST_TEXT)
            if len(body) < size:
                body = body.rstrip(b"\0") + b"\0\0"
            yield Said(kind == backend.ERROR, backend.read_fields(body))
            return
        if size > MOST_KEPT:
            raise WireError(f"PostgreSQL's answer is longer than {MOST_KEPT} bytes")
        body = yield from self._take(size)
        yield _event(kind, body)

    def _row(self, size: int) -> _Steps:
        ends = self._at + size
        room = self.room
        if ends <= len(self._data) and size <= room.each:
            values = backend.read_data_row(bytes(self._data[self._at : ends]))
            self._at = ends
            if room.left <= 0:
                yield Row((UNKEPT,) * len(values))
                return
            room.left -= size + _COST * len(values)
            yield Row(tuple(NULL if v is None else Value(v, len(v)) for v in values))
            return
        count = int(UINT16.unpack((yield from self._take(UINT16.size, within=size)))[0])
        left, found = size - UINT16.size, list[Value]()
        for _ in range(count):
            length = int(INT32.unpack((yield from self._take(INT32.size, within=left)))[0])
            left -= INT32.size
            if length == -1:
                found.append(NULL)
                continue
            if not 0 <= length <= left:
                raise WireError(_CUT_OFF)
            has_room = room.left > 0
            keep = min(length, room.each, room.left) if has_room else 0
            kept = yield from self._take(length, keep=keep)
            room.left -= keep + _COST
            left -= length
            found.append(Value(kept, length) if has_room else UNKEPT)
        if left:
            raise WireError("an answer is longer than what it holds")
        yield Row(tuple(found))

    def _take(
        self, size: int, *, keep: int | None = None, within: int | None = None
    ) -> Generator[None, None, bytes]:
        """Return so many bytes as they come, the first ``keep`` of them."""
        if within is not None and size > within:
            raise WireError(_CUT_OFF)
        wanted = size if keep is None else keep
        kept, left = bytearray(), size
        while left:
            here = len(self._data) - self._at
            if not here:
                yield None
                continue
            step = min(here, left)
            if len(kept) < wanted:
                end = self._at + min(step, wanted - len(kept))
                kept += self._data[self._at : end]
            self._at += step
            left -= step
        return bytes(kept)


_READERS: Final[Mapping[bytes, Callable[[bytes], Event]]] = {
    backend.ROW_DESCRIPTION: lambda body: Columns(backend.read_row_description(body)),
    backend.COMMAND_COMPLETE: lambda body: Done(backend.read_command_complete(body)),
    backend.EMPTY_QUERY: lambda _body: Done(),
    backend.PORTAL_SUSPENDED: lambda _body: Suspended(),
    backend.READY: lambda body: Ready(backend.read_ready(body)),
    backend.COPY_IN: lambda _body: Copying(is_out=False),
    backend.COPY_OUT: lambda _body: Copying(is_out=True),
    backend.NOTIFICATION: lambda body: Notified(*backend.read_notification(body)[1:]),
}


def _event(kind: bytes, body: bytes) -> Event:
    reader = _READERS.get(kind)
    if reader is None:
        raise WireError(f"PostgreSQL's answer cannot be read: a message {kind!r}")
    return reader(body)
