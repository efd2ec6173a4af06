"""DER (X.690) as far as OCSP and CRLs need it: a strict reader, and a writer.

The reader takes one value after the other and knows no types: one-byte tags, definite and
minimal lengths. Bytes that are anything else raise DerError.
"""

from datetime import UTC, datetime

from pgward.pki.errors import DerError

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
ENUMERATED, UTC_TIME, GENERALIZED_TIME, SEQUENCE = 0x0A, 0x17, 0x18, 0x30
_CONTEXT, _CONSTRUCTED = 0x80, 0x20
_LONG = 0x80
_MAX_LENGTH_OCTETS = 4
_UTC_TIME_ENDS = 2050  # RFC 5280 section 4.1.2.5
_TRUE = b"\xff"


class Reader:
    """Reads the values of ``data`` in their order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def peek(self) -> int | None:
        """Return the tag of the next value; None at the end."""
        return self._data[self._at] if self._at < len(self._data) else None

    def read(self, tag: int) -> bytes:
        """Return the contents of the next value, which must have this tag; raise DerError."""
        start, end = self._measure(tag)
        self._at = end
        return self._data[start:end]

    def whole(self, tag: int) -> bytes:
        """Return the next value with its tag and length; raise DerError."""
        began = self._at
        _, self._at = self._measure(tag)
        return self._data[began : self._at]

    def enter(self, tag: int = SEQUENCE) -> "Reader":
        """Return a reader of what is inside the next value; raise DerError."""
        return Reader(self.read(tag))

    def optional(self, tag: int) -> bytes | None:
        """Return the contents of the next value if it has this tag, else None; raise DerError."""
        return self.read(tag) if self.peek() == tag else None

    def end(self) -> None:
        """Raise DerError unless everything was read."""
        if self._at != len(self._data):
            raise DerError("there are bytes behind the end")

    def oid(self) -> bytes:
        """Return the contents of an object identifier; raise DerError."""
        found = self.read(OID)
        # A subidentifier ends in the first byte below 0x80, and begins with none that is 0x80.
        before = zip(b"\0" + found, found, strict=False)
        starts = (first for previous, first in before if previous < _LONG)
        if not found or found[-1] >= _LONG or any(first == _LONG for first in starts):
            raise DerError("an object identifier is malformed")
        return found

    def integer(self) -> int:
        """Return an integer, which may be negative; raise DerError."""
        found = self.read(INTEGER)
        if not found or found != _int_contents(int.from_bytes(found, "big", signed=True)):
            raise DerError("an integer is malformed")
        return int.from_bytes(found, "big", signed=True)

    def boolean(self) -> bool:
        """Return a boolean; raise DerError."""
        found = self.read(BOOLEAN)
        if found not in (_TRUE, b"\0"):
            raise DerError("a boolean is malformed")
        return found == _TRUE

    def _measure(self, tag: int) -> tuple[int, int]:
        """Return where the contents of the next value begin and end."""
        if self.peek() != tag:
            raise DerError("another value is expected")
        start, length = self._length(self._at + 1)
        if start + length > len(self._data):
            raise DerError("a value is cut off")
        return start, start + length

    def _length(self, at: int) -> tuple[int, int]:
        if at >= len(self._data):
            raise DerError("a value is cut off")
        first = self._data[at]
        if first < _LONG:
            return at + 1, first
        octets = self._data[at + 1 : at + 1 + first - _LONG]
        length = int.from_bytes(octets, "big")
        if not 0 < len(octets) == first - _LONG <= _MAX_LENGTH_OCTETS:
            raise DerError("a length is malformed")
        if length < _LONG or octets[0] == 0:
            raise DerError("a length is not the shortest")
        return at + 1 + len(octets), length


def value(tag: int, *contents: bytes) -> bytes:
    """Write one value: ``contents`` are joined."""
    body = b"".join(contents)
    return bytes((tag,)) + _written_length(len(body)) + body


def sequence(*values: bytes) -> bytes:
    """Write a SEQUENCE (or SEQUENCE OF)."""
    return value(SEQUENCE, *values)


def explicit(number: int, inner: bytes) -> bytes:
    """Write ``[number] EXPLICIT``; also a constructed ``[number] IMPLICIT`` with these contents."""
    return value(_CONTEXT | _CONSTRUCTED | number, inner)


def implicit(number: int, contents: bytes = b"") -> bytes:
    """Write a primitive ``[number] IMPLICIT``."""
    return value(_CONTEXT | number, contents)


def explicit_tag(number: int) -> int:
    """Return the tag that ``explicit`` writes, to read it."""
    return _CONTEXT | _CONSTRUCTED | number


def integer(number: int) -> bytes:
    """Write an INTEGER."""
    return value(INTEGER, _int_contents(number))


def enumerated(number: int) -> bytes:
    """Write an ENUMERATED."""
    return value(ENUMERATED, _int_contents(number))


def octets(contents: bytes) -> bytes:
    """Write an OCTET STRING."""
    return value(OCTET_STRING, contents)


def bits(contents: bytes) -> bytes:
    """Write a BIT STRING of whole octets."""
    return value(BIT_STRING, b"\0", contents)


def oid(dotted: str) -> bytes:
    """Write an OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return value(OID, *(_subidentifier(arc) for arc in (40 * first + second, *rest)))


def generalized_time(moment: datetime) -> bytes:
    """Write a GeneralizedTime in UTC, in whole seconds."""
    return value(GENERALIZED_TIME, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def time(moment: datetime) -> bytes:
    """Write a Time as certificates and CRLs hold it: UTCTime before 2050."""
    moment = moment.astimezone(UTC)
    if moment.year >= _UTC_TIME_ENDS:
        return generalized_time(moment)
    return value(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())


def extension(dotted: str, contents: bytes, *, critical: bool = False) -> bytes:
    """Write an Extension (RFC 5280 section 4.1) whose value is the DER ``contents``."""
    flag = value(BOOLEAN, _TRUE) if critical else b""
    return sequence(oid(dotted), flag, octets(contents))


def _written_length(length: int) -> bytes:
    if length < _LONG:
        return bytes((length,))
    encoded = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((_LONG | len(encoded),)) + encoded


def _int_contents(number: int) -> bytes:
    # One bit more than the magnitude needs: the sign.
    magnitude = number if number >= 0 else -number - 1
    return number.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


def _subidentifier(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(arc & 0x7F | 0x80)
    return bytes(reversed(groups))


__all__ = ["DerError", "Reader"]
