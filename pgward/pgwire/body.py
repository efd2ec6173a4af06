"""What bodies of messages are made of: integers in network order, texts that end with NUL, values.

Texts are UTF-8 where they are, and any other bytes survive both ways: nothing says which encoding
a client has before it is logged in. Source: manual, chapter 54.7 "Message Data Types".
"""

import struct
from collections.abc import Sequence

from pgward.pgwire.errors import WireError

UINT16, INT16 = struct.Struct("!H"), struct.Struct("!h")
UINT32, INT32 = struct.Struct("!I"), struct.Struct("!i")
NULL = b"\xff\xff\xff\xff"


class Body:
    """Reads a body from its beginning; all raise WireError where it is cut off."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes have not been read."""
        return len(self._data) - self._at

    def uint16(self) -> int:
        """Return an integer of two bytes without a sign, as counts are."""
        return self._number(UINT16)

    def int16(self) -> int:
        """Return an integer of two bytes with a sign."""
        return self._number(INT16)

    def uint32(self) -> int:
        """Return an integer of four bytes without a sign, as OIDs are."""
        return self._number(UINT32)

    def int32(self) -> int:
        """Return an integer of four bytes with a sign."""
        return self._number(INT32)

    def _number(self, kind: struct.Struct) -> int:
        try:
            found: int = kind.unpack_from(self._data, self._at)[0]
        except struct.error:
            raise _cut_off() from None
        self._at += kind.size
        return found

    def octets(self, count: int) -> bytes:
        """Return so many bytes."""
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise _cut_off()
        found = self._data[self._at : end]
        self._at = end
        return found

    def value(self) -> bytes | None:
        """Return bytes that their length stands before; a length of -1 is NULL."""
        length = self.int32()
        return None if length == -1 else self.octets(length)

    def string(self) -> bytes:
        """Return bytes up to a NUL."""
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise _cut_off()
        found = self._data[self._at : end]
        self._at = end + 1
        return found

    def text(self) -> str:
        """Return a text up to a NUL."""
        return decoded(self.string())

    def rest(self) -> bytes:
        """Return all that has not been read."""
        return self.octets(self.left)

    def uint16s(self) -> tuple[int, ...]:
        """Return a list of integers of two bytes that their count stands before."""
        count = self.uint16()
        return struct.unpack(f"!{count}H", self.octets(2 * count))

    def uint32s(self) -> tuple[int, ...]:
        """Return a list of integers of four bytes that their count stands before."""
        count = self.uint16()
        return struct.unpack(f"!{count}I", self.octets(4 * count))

    def values(self) -> tuple[bytes | None, ...]:
        """Return a list of values that their count stands before."""
        return tuple([self.value() for _ in range(self.uint16())])

    def end(self) -> None:
        """See that all has been read."""
        if self._at != len(self._data):
            raise WireError("a message is longer than what it holds")


def _cut_off() -> WireError:
    return WireError("a message is shorter than what it should hold")


def decoded(data: bytes) -> str:
    """Return a text from bytes in whatever encoding; ``string`` turns it back into the same."""
    return data.decode("utf-8", "surrogateescape")


def encoded(text: str | bytes) -> bytes:
    """Return the bytes of a text."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def string(text: str | bytes) -> bytes:
    """Return a text with its NUL; raise WireError when one is inside already."""
    data = encoded(text)
    if b"\0" in data:
        raise WireError("a text holds a NUL byte", sqlstate="22021")
    return data + b"\0"


def value(data: bytes | None) -> bytes:
    """Return a value with its length, NULL for None."""
    return NULL if data is None else INT32.pack(len(data)) + data


def values(each: Sequence[bytes | None]) -> bytes:
    """Return values with their count."""
    return uint16(len(each)) + b"".join(map(value, each))


def uint16(number: int) -> bytes:
    """Return a count; raise WireError when it is too large."""
    if not 0 <= number <= 0xFFFF:  # noqa: PLR2004 - two bytes
        raise WireError(f"{number} is too many for one message", sqlstate="54000")
    return UINT16.pack(number)


def uint16s(numbers: Sequence[int]) -> bytes:
    """Return integers of two bytes with their count."""
    return uint16(len(numbers)) + struct.pack(f"!{len(numbers)}H", *numbers)


def uint32s(numbers: Sequence[int]) -> bytes:
    """Return integers of four bytes with their count."""
    return uint16(len(numbers)) + struct.pack(f"!{len(numbers)}I", *numbers)
