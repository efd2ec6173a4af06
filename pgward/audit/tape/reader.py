"""The auditor's end of a tape: frames in order, while they are written and after the writer died.

Reads with ``pread``, never through a mapping: so no fault of a disk can kill the auditor.
"""

import contextlib
import fcntl
import os
import re
import struct
from pathlib import Path
from typing import Self
from zlib import crc32

from pgward.audit.tape.frames import (
    FRAME,
    FRAME_SIZE,
    GAP,
    HEADER_SIZE,
    KINDS,
    Entry,
    SegmentHeader,
    TapeError,
    checksum,
    decode_header,
    place_of,
    position_of,
)
from pgward.audit.tape.segments import numbers, path_of

_BLOCK = 256 * 1024
_MOST_BYTES = 4 * 1024 * 1024  # of one ``read``, and a block more: large texts come in large frames
_GAP = struct.Struct("!Q")
_MAYBE = re.compile(rb"[\x01-\x09]\0{7}")  # how the header of a frame ends
_KIND_AT = 24


class TapeReader:
    """Reads the tape in ``directory`` from ``position`` on (0: its beginning).

    ``position`` is that of the next frame. ``at_end``: the last ``read`` left nothing.
    """

    def __init__(self, directory: Path, position: int = 0) -> None:
        self.directory = directory
        self.at_end = False
        self._number, self._offset = place_of(position)
        self._lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._file = -1
        self._gone = False
        self._size = self._tail = 0
        self._closed = False
        self._doubted = -1  # offset of a frame that was spoiled when it was looked at last
        self._missed = False  # it was told that somebody removed the tape

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def position(self) -> int:
        """Where the next frame is."""
        return position_of(self._number, self._offset)

    @property
    def writer_is_gone(self) -> bool:
        """Whether the writer has ended, in order or not; what it wrote last may be unread yet."""
        if not self._gone:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                fcntl.flock(self._lock, fcntl.LOCK_UN)
                self._gone = True
        return self._gone

    @property
    def behind(self) -> int:
        """How many bytes of frames have not been read."""
        found = 0
        for number in numbers(self.directory):
            if number >= self._number and (header := _header(path_of(self.directory, number))):
                start = self._offset if number == self._number else 0
                found += header.tail - max(start, HEADER_SIZE)
        return max(0, found)

    def read(self, most: int = 2000) -> list[Entry]:
        """Return the next frames, at most so many; none when there is nothing new. Never waits.

        Fewer, and not at the end, when they are large.
        """
        found: list[Entry] = []
        self.at_end = False
        taken = 0
        while len(found) < most and taken < _MOST_BYTES:
            if self._file < 0 and not self._open():
                self.at_end = True
                break
            self._look()
            before, offset = len(found), self._offset
            self._take(found, most)
            taken += self._offset - offset
            if len(found) == before and not self._go_on(found):
                self.at_end = True
                break
        if self.at_end and self._gone and not self._missed and self._is_removed():
            self._missed = True  # how much was on it nobody knows
            removed = os.fstat(self._lock).st_ctime_ns // 1000
            found.append((self.position, removed, 0, GAP, _GAP.pack(0)))
        return found

    def _is_removed(self) -> bool:
        return self._lock >= 0 and os.fstat(self._lock).st_nlink == 0

    def delete_before(self, position: int) -> None:
        """Remove the segments that lie wholly before a position."""
        for number in numbers(self.directory):
            if number < place_of(position)[0]:
                path_of(self.directory, number).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the whole tape; raise TapeError while its writer lives."""
        if not self.writer_is_gone:
            raise TapeError(f"the tape is still written: {self.directory}")
        self.close()
        with contextlib.suppress(FileNotFoundError):  # somebody was faster
            for path in self.directory.iterdir():
                path.unlink(missing_ok=True)
            self.directory.rmdir()

    def close(self) -> None:
        """Let go of the files."""
        self._leave()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _open(self) -> bool:
        """Open the segment at the position, or the next that there is."""
        following = [n for n in numbers(self.directory) if n >= self._number]
        if not following:
            return False
        if following[0] != self._number:
            self._number, self._offset = following[0], HEADER_SIZE
        self._offset = max(self._offset, HEADER_SIZE)
        self._file = os.open(path_of(self.directory, self._number), os.O_RDONLY | os.O_CLOEXEC)
        self._size = os.fstat(self._file).st_size
        return True

    def _leave(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _look(self) -> None:
        """Learn up to where there are frames."""
        header = decode_header(os.pread(self._file, HEADER_SIZE, 0))
        self._tail = min(header.tail, self._size) if header else HEADER_SIZE
        self._closed = header is not None and header.closed

    def _take(self, found: list[Entry], most: int) -> None:
        """Take whole frames out of one block."""
        # A power cut may have kept frames and lost the tail that was to tell of them.
        limit = self._size if self._gone and not self._closed else self._tail
        offset, base = self._offset, self._number << 32
        block = os.pread(self._file, max(0, min(limit - offset, _BLOCK)), offset)
        if len(block) >= FRAME_SIZE:
            whole = FRAME.unpack_from(block)[0] + FRAME_SIZE
            if len(block) < whole <= limit - offset:
                block = os.pread(self._file, whole, offset)
        at, end = 0, len(block)
        last = end - FRAME_SIZE
        unpack, append, kinds = FRAME.unpack_from, found.append, KINDS
        first = base | offset
        for _ in range(most - len(found)):
            if at > last:
                break
            size, crc, session, time, kind = unpack(block, at)
            start = at + FRAME_SIZE
            stop = start + size
            if stop > end or kind not in kinds:
                break
            data = block[start:stop]
            # As frames.checksum; crc32 takes the lower half of a number.
            seed = session ^ time
            if crc32(data, seed ^ seed >> 32 ^ kind << 24) != crc:
                break
            append((first + at, time, session, kind, data))
            at = stop + 7 & -8
        self._offset = min(offset + at, self._size)

    def _go_on(self, found: list[Entry]) -> bool:
        """Behind the last frame of a block: return whether more may follow."""
        if self._offset < self._tail:
            return self._pass_over(found)
        if not (self._closed or self._gone) or not self._following():
            return False
        self._leave()
        self._number, self._offset = self._number + 1, HEADER_SIZE
        return True

    def _following(self) -> bool:
        return path_of(self.directory, self._number + 1).exists()

    def _pass_over(self, found: list[Entry]) -> bool:
        """Leave spoiled bytes out, if they are still spoiled when looked at again.

        Their time is that of the next good frame, or else when the segment was written last.
        """
        offset = self._offset
        if self._doubted != position_of(self._number, offset) and not self._gone:
            self._doubted = position_of(self._number, offset)
            return False
        data = os.pread(self._file, self._tail - offset, offset)
        lost = _next_frame(data)
        position = position_of(self._number, offset)
        if lost < len(data):
            time = FRAME.unpack_from(data, lost)[3]
        else:
            time = os.fstat(self._file).st_mtime_ns // 1000
        found.append((position, time, 0, GAP, _GAP.pack(lost)))
        self._offset = offset + lost
        return True


def _header(path: Path) -> SegmentHeader | None:
    try:
        with path.open("rb") as file:
            return decode_header(file.read(HEADER_SIZE))
    except FileNotFoundError:  # it has been deleted meanwhile
        return None


def _next_frame(data: bytes) -> int:
    """Return where the next good frame is, behind a spoiled one; the length if there is none."""
    for maybe in _MAYBE.finditer(data, _KIND_AT + 8):
        at = maybe.start() - _KIND_AT
        if at % 8 == 0 and _is_good(data, at):
            return at
    return len(data)


def _is_good(data: bytes, at: int) -> bool:
    size, crc, session, time, kind = FRAME.unpack_from(data, at)
    body = data[at + FRAME_SIZE : at + FRAME_SIZE + size]
    return len(body) == size and bool(checksum(body, session, time, kind) == crc)
