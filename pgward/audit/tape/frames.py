"""Frames and headers of segments, as bytes.

A segment is ``HEADER_SIZE`` bytes of header, then frames, each on an 8-byte boundary, then zeros.
Numbers are in the machine's own byte order, as a tape never leaves its machine: so the tail is
one aligned store. The check sum is CRC-32 over the data, begun with what the header says, so
that it covers both in one call.
"""

import struct
from typing import Final, NamedTuple
from zlib import crc32

from pgward.core.errors import PgwardError

OPEN: Final = 1  # JSON: what is known of a session as it begins
UP: Final = 2  # whole messages of the frontend, one or several
PIECE: Final = 3  # u64 offset, u64 total, bytes: of one message that is larger than MOST_WHOLE
DOWN: Final = 4  # messages of the backend; runs of rows and of COPY data as one RUN message
COUNT: Final = 5  # a RUN message: rows and bytes of COPY data that the frontend sent
DENIED: Final = 6  # JSON: rule, reason, place of the statement
NOTE: Final = 7  # JSON: a cancel request, a limit, a sensitive statement
RESULT: Final = 8  # the backend's bytes as they are, for recordings with results
CLOSE: Final = 9  # JSON: reason, SQLSTATE
GAP: Final = 255  # never on tape: a reader's word for bytes that it could not read (u64 how many)

KINDS: Final = frozenset({OPEN, UP, PIECE, DOWN, COUNT, DENIED, NOTE, RESULT, CLOSE})

MOST_WHOLE: Final = 64 * 1024
"""Messages of more bytes than this go on tape in pieces."""

RUN: Final = b"#"
"""The type of the message that stands for rows: ``#``, length 20, u64 rows, u64 bytes."""

_RUN = struct.Struct("!cIQQ")
_PIECE = struct.Struct("!QQ")

FRAME: Final = struct.Struct("@IIQQB7x")
"""Length of the data, CRC-32, session, time (microseconds since 1970), kind."""

FRAME_SIZE: Final = FRAME.size
MAGIC: Final = b"PGWTAPE1"
SEGMENT: Final = struct.Struct("@8s16sQQQQ8x")
"""Magic, boot, number of the segment (from 1), its size, tail, 1 when no frame will follow."""

HEADER_SIZE: Final = SEGMENT.size
TAIL_WORD: Final = 5  # of 8 bytes, within the header
CLOSED_WORD: Final = 6
_OFFSET_BITS = 32
_LOW = 0xFFFFFFFF


class TapeFullError(PgwardError):
    """Nothing more can be put on tape, so nothing more may be passed on."""

    code = "tape_full"


class TapeError(PgwardError):
    """A file that should be a segment of a tape is none."""

    code = "tape"


class Frame(NamedTuple):
    """One entry of a tape; ``time`` in microseconds since 1970."""

    position: int
    time: int
    session: int
    kind: int
    data: bytes


Entry = tuple[int, int, int, int, bytes]
"""A frame without the names, as a plain tuple is taken apart twice as fast."""


class SegmentHeader(NamedTuple):
    """What a segment says of itself."""

    boot: str
    number: int
    size: int
    tail: int
    closed: bool


def checksum(data: bytes | bytearray | memoryview, session: int, time: int, kind: int) -> int:
    """Return the CRC-32 of a frame."""
    return crc32(data, (session ^ session >> 32 ^ time ^ time >> 32 ^ kind << 24) & _LOW)


def encode_header(boot: str, number: int, size: int) -> bytes:
    """Return the header of a new segment."""
    return SEGMENT.pack(MAGIC, boot.encode("ascii"), number, size, HEADER_SIZE, 0)


def decode_header(data: bytes) -> SegmentHeader | None:
    """Read a segment's header; None if it is none."""
    if len(data) < HEADER_SIZE:
        return None
    magic, boot, number, size, tail, closed = SEGMENT.unpack_from(data)
    if magic != MAGIC or not boot.isalnum():
        return None
    return SegmentHeader(boot.decode("ascii"), number, size, tail, bool(closed))


def position_of(number: int, offset: int) -> int:
    """Return the position of an offset within a segment."""
    return number << _OFFSET_BITS | offset


def place_of(position: int) -> tuple[int, int]:
    """Return segment number and offset of a position."""
    return position >> _OFFSET_BITS, position & _LOW


def run(rows: int, size: int) -> bytes:
    """Return the message that stands for ``rows`` messages with ``size`` bytes of body in all."""
    return _RUN.pack(RUN, _RUN.size - 1, rows, size)


def piece(offset: int, total: int, data: bytes | memoryview) -> bytes:
    """Return the data of a PIECE frame; ``total`` counts the message's type and length, too."""
    return b"".join((_PIECE.pack(offset, total), data))


def read_piece(data: bytes) -> tuple[int, int, bytes]:
    """Return offset, total and bytes of a PIECE frame's data; raise TapeError."""
    if len(data) < _PIECE.size:
        raise TapeError("a piece of a message on tape is too short")
    offset, total = _PIECE.unpack_from(data)
    return offset, total, data[_PIECE.size :]
