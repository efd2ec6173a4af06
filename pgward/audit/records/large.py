"""Messages that are too large for one frame, taken piece by piece and never held as a whole.

Their texts become records of type TEXT; large values of parameters are told by size and hash.
What is under way when the auditor is killed loses its hash as a whole, and nothing else.
"""

import codecs
import hashlib
import struct
from typing import Any

from pgward.audit.records import items as it
from pgward.audit.records.items import Fields
from pgward.audit.records.parameters import MOST

_HEADER = 5
_MOST_HEAD = 1024 * 1024  # bytes before the text or the values
_MOST_KEPT = 512 * 1024  # bytes of values that are shown in one record
_SHOWN = 1024  # letters of a text in the record itself
_SIZE = struct.Struct("!i")

Value = bytes | Fields | None


class Text:
    """A text that passes; ``head`` is how it begins."""

    def __init__(self) -> None:
        self.size = 0
        self.pieces = 0
        self.head = ""
        self._hash: Any = hashlib.sha256()  # None when it cannot be known any more
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def add(self, data: bytes) -> str:
        """Return the next piece, as text."""
        self.size += len(data)
        self.pieces += 1
        if self._hash is not None:
            self._hash.update(data)
        found = self._decoder.decode(data)
        if len(self.head) < _SHOWN:
            self.head = (self.head + found)[:_SHOWN]
        return found

    def about(self, of: str) -> Fields:
        """Return the fields of a record that has this text; ``of`` is what its pieces name."""
        found: Fields = {"text": self.head, "text_bytes": self.size, "pieces": self.pieces}
        if self._hash is not None:
            found["text_sha256"] = self._hash.hexdigest()
        return {**found, "of": of}

    def state(self) -> list[Any]:
        """Return it as JSON."""
        held, flag = self._decoder.getstate()
        return [self.size, self.pieces, self.head, held.hex(), flag]

    @classmethod
    def restored(cls, state: list[Any]) -> "Text":
        """Return what ``state`` told of; what its hash was is not told."""
        found = cls()
        found.size, found.pieces, found.head, held, flag = state
        found._decoder.setstate((bytes.fromhex(held), flag))
        found._hash = None
        return found


class Values:
    """The values of a Bind or FunctionCall that pass; ``done`` when all are there."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.found: list[Value] = []
        self._kept = 0
        self._size = 0  # of the large value that passes
        self._missing = 0
        self._hash: Any = None

    def add(self, data: bytes) -> bytes:
        """Take what is whole; return what must stand before the next bytes."""
        at = 0
        while self.left:
            if self._missing:
                part = data[at : at + self._missing]
                at += len(part)
                self._pass(part)
                if self._missing:
                    break
                continue
            if len(data) - at < _SIZE.size:
                break
            (size,) = _SIZE.unpack_from(data, at)
            if size > MOST or (size > 0 and self._kept + size > _MOST_KEPT):
                self._size = self._missing = size
                self._hash = hashlib.sha256()
                at += _SIZE.size
                continue
            end = at + _SIZE.size + max(size, 0)
            if end > len(data):
                break
            self.found.append(None if size < 0 else data[at + _SIZE.size : end])
            self._kept += max(size, 0)
            self.left -= 1
            at = end
        return data[at:] if self.left else b""

    def _pass(self, part: bytes) -> None:
        self._missing -= len(part)
        if self._hash is not None:
            self._hash.update(part)
        if not self._missing:
            told: Fields = {"bytes": self._size}
            if self._hash is not None:
                told["sha256"] = self._hash.hexdigest()
            self.found.append(told)
            self.left -= 1

    def state(self) -> list[Any]:
        """Return it as JSON."""
        shown = [value.hex() if isinstance(value, bytes) else value for value in self.found]
        return [self.left, shown, self._kept, self._size, self._missing]

    @classmethod
    def restored(cls, state: list[Any]) -> "Values":
        """Return what ``state`` told of; what the hash of a value was is not told."""
        left, shown, kept, size, missing = state
        values = cls(left)
        values.found = [bytes.fromhex(each) if isinstance(each, str) else each for each in shown]
        values._kept, values._size, values._missing = kept, size, missing
        return values


class Large:
    """One large message; ``id`` is that of its record, ``denied`` what a rule said of it."""

    def __init__(
        self, kind: int, prefix: str, position: int, time: int, denied: Fields | None
    ) -> None:
        self.kind = kind
        self.prefix = prefix
        self.position = position
        self.id = f"{prefix}{position:x}"
        self.time = time
        self.denied = denied
        self.text = Text()
        self.values: Values | None = None
        self.head = b""  # what stands before the values, or is the name of a Parse
        self._buffer = b""
        self._stage = "header"

    @property
    def tail(self) -> bytes:
        """What stands behind a text: the types of a Parse."""
        return self._buffer if self._stage == "tail" else b""

    def feed(self, data: bytes) -> str:
        """Take the next bytes; return the piece of text in them, if any."""
        data = self._buffer + data
        self._buffer = b""
        if self._stage == "header":
            if len(data) < _HEADER:
                self._buffer = data
                return ""
            data = data[_HEADER:]
            self._stage = {it.QUERY: "text"}.get(self.kind, "head")
        if self._stage == "head":
            data = self._head(data)
        if self._stage == "text":
            return self._text(data)
        if self._stage == "values" and self.values is not None:
            self._buffer = self.values.add(data)
        elif self._stage == "tail":
            self._buffer = data[:_MOST_HEAD]
        return ""

    def _text(self, data: bytes) -> str:
        part, end, rest = data.partition(b"\0")
        if end:
            self._stage, self._buffer = "tail", rest
        return self.text.add(part) if part else ""

    def _head(self, data: bytes) -> bytes:
        """Take what stands before the text or the values; return what is behind it."""
        size = _size_of_head(self.kind, data)
        if size is None:
            self._buffer = data
            if len(data) > _MOST_HEAD:
                self._stage, self._buffer = "lost", b""
            return b""
        self.head = data[:size]
        if self.kind == it.PARSE:
            self._stage = "text"
        else:
            self._stage = "values"
            self.values = Values(int.from_bytes(data[size - 2 : size], "big"))
        return data[size:]

    def state(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "begun": [self.kind, self.prefix, self.position, self.time, self.denied],
            "text": self.text.state(),
            "values": None if self.values is None else self.values.state(),
            "head": self.head.hex(),
            "buffer": self._buffer.hex(),
            "stage": self._stage,
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Large":
        """Return what ``state`` told of."""
        found = cls(*state["begun"])
        found.text = Text.restored(state["text"])
        if state["values"] is not None:
            found.values = Values.restored(state["values"])
        found.head = bytes.fromhex(state["head"])
        found._buffer = bytes.fromhex(state["buffer"])
        found._stage = state["stage"]
        return found


def _size_of_head(kind: int, data: bytes) -> int | None:
    """Return how many bytes stand before the text or the values; None if not all are there."""
    at = 0
    for _ in range({it.PARSE: 1, it.BIND: 2}.get(kind, 0)):
        at = data.find(b"\0", at) + 1
        if not at:
            return None
    if kind == it.PARSE:
        return at
    at += 4 if kind == it.FUNCTION_CALL else 0
    formats = at + 2 + 2 * int.from_bytes(data[at : at + 2], "big")
    return formats + 2 if formats + 2 <= len(data) and at + 2 <= len(data) else None
