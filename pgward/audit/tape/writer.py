"""The writer's end of a tape: one copy into mapped memory a frame, and no system call.

A worker has one ``TapeWriter`` and uses it from one thread; the next segment is reserved in a
thread of the writer's own. What ``append`` has returned for outlives the process.
"""

import fcntl
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is one
from typing import Protocol
from zlib import crc32

from pgward.audit.tape.frames import FRAME, FRAME_SIZE, HEADER_SIZE, TAIL_WORD, TapeFullError
from pgward.audit.tape.segments import DIRECTORY, Fill, Segment, fill, new_boot, numbers

SEGMENT_SIZE = 16 * 1024 * 1024
MOST_SEGMENTS = 64
_RETRY_SECONDS = 0.5  # a full disk is asked again no more often than this

# Whole frames of short data, by its size: one call packs all, and where the next begins.
_SHORT = 512
_LAYOUTS = {
    size: (Struct(f"{FRAME.format}{size}s").pack_into, FRAME_SIZE + size + 7 & -8)
    for size in range(_SHORT)
}

Data = bytes | bytearray | memoryview
AppendData = Callable[[bytes | bytearray], None]


class Append(Protocol):
    """Puts frames on tape."""

    def __call__(self, kind: int, session: int, data: Data, /) -> None:
        """Put one there; raise TapeFullError if there is no room (all is as before then).

        ``data`` of a memoryview is bytes; ValueError if it is larger than a segment.
        """
        ...


class Appender(Protocol):
    """Makes it cheaper to put frames of one session on tape."""

    def __call__(self, kind: int, session: int, /) -> AppendData:
        """Return ``append`` for frames of one kind and session."""
        ...


class TapeWriter:
    """Appends frames to a tape of its own below ``directory``; ``boot`` is the tape's name."""

    def __init__(
        self,
        directory: Path,
        *,
        segment_size: int = SEGMENT_SIZE,
        most_segments: int = MOST_SEGMENTS,
        now: Callable[[], int] = time.time_ns,
        run: str = "",
    ) -> None:
        """Make the tape and reserve its first segment; raise TapeFullError if there is no room.

        ``run`` is what its name begins with (``answers.run_of``).
        """
        self.boot = new_boot(run)
        self.directory = directory / DIRECTORY / self.boot
        self._size = segment_size
        self._most = most_segments
        self._now = now
        self._retry_at = 0.0
        self.turned: Callable[[], None] = _nothing
        """Called when the next segment has begun."""
        try:
            self._lock = _locked_directory(self.directory)
        except OSError as error:
            raise _full(error) from error
        try:
            self._segment = self._reserve(1)
        except (OSError, TapeFullError) as error:
            self.directory.rmdir()
            os.close(self._lock)
            raise _full(error) from error
        self._pool = ThreadPoolExecutor(1, "pgward-tape")
        self._ask()
        self.append, self.appender = self._make_append()

    @property
    def is_gone(self) -> bool:
        """Whether somebody has removed the file that is written: nobody else would find it."""
        return not self._segment.path.exists()

    @property
    def written(self) -> int:
        """How many bytes have been put on it, with the rest of each segment that had no room."""
        return (self._segment.number - 1) * self._size + self._segment.tail

    def fill(self) -> Fill:
        """Return how full it is, by its own bound and by what its disk has room for."""
        return fill(self.directory, self._most, self._size)

    def check(self) -> None:
        """Raise TapeFullError if the next segment has no room: then begin nothing new."""
        if self.is_gone:
            raise TapeFullError(f"somebody has removed the tape: {self.directory}")
        if self._spare.done() and (error := self._spare.exception()):
            self._ask_again()
            raise _full(error)

    def close(self) -> None:
        """End the tape in order; what is on it stays for the auditor."""
        self._pool.shutdown()
        if not self._spare.exception():
            self._spare.result().discard()
        self._segment.close()
        os.close(self._lock)

    def _make_append(self) -> tuple[Append, Appender]:
        """Return ``append`` and ``appender``, as closures: each statement comes here twice."""
        room, now_ns, turn, layouts = self._size, self._now, self._turn, _LAYOUTS
        area, words, at = self._segment.map, self._segment.words, HEADER_SIZE

        def append(kind: int, session: int, data: Data, /) -> None:
            nonlocal area, words, at
            size = len(data)
            start = at + FRAME_SIZE
            end = start + size
            if end > room:
                following = turn(size)
                area, words, at = following.map, following.words, HEADER_SIZE
                start = at + FRAME_SIZE
                end = start + size
            now = now_ns() // 1000
            # As in frames.checksum; crc32 takes the lower half of a number.
            seed = session ^ now
            crc = crc32(data, seed ^ seed >> 32 ^ kind << 24)
            FRAME.pack_into(area, at, size, crc, session, now, kind)
            area[start:end] = data
            at = words[TAIL_WORD] = end + 7 & -8

        def appender(kind: int, session: int, /) -> AppendData:
            # As in frames.checksum, with what is the same each time done once.
            mixed = session ^ session >> 32 ^ kind << 24

            def append_data(data: bytes | bytearray) -> None:
                nonlocal at
                size = len(data)
                try:
                    pack_into, step = layouts[size]
                    now = now_ns() // 1000
                    crc = crc32(data, mixed ^ now ^ now >> 32)
                    pack_into(area, at, size, crc, session, now, kind, data)
                except (KeyError, StructError):  # a long one, or no room for it
                    append(kind, session, data)
                    return
                at += step
                words[TAIL_WORD] = at

            return append_data

        return append, appender

    def _ask(self) -> None:
        self._spare: Future[Segment] = self._pool.submit(self._reserve, self._segment.number + 1)

    def _ask_again(self) -> None:
        """Ask for a segment once more, but not for each frame that a full disk refuses."""
        if (now := time.monotonic()) >= self._retry_at:
            self._retry_at = now + _RETRY_SECONDS
            self._ask()

    def _turn(self, size: int) -> Segment:
        """Go on in the next segment, which nearly always waits already."""
        if HEADER_SIZE + FRAME_SIZE + size > self._size:
            raise ValueError(f"a frame of {size} bytes is larger than a segment of the tape")
        if self._spare.done() and self._spare.exception():
            self._ask_again()
        if error := self._spare.exception():
            raise _full(error)
        full, following = self._segment, self._spare.result()
        full.close()
        self._segment = following
        self._ask()
        self.turned()
        return following

    def _reserve(self, number: int) -> Segment:
        if len(numbers(self.directory)) >= self._most:
            raise TapeFullError(
                f"the auditor is {self._most} segments of the tape behind",
                hint="see why it does not run or deliver: pgward edge status",
            )
        return Segment(self.directory, self.boot, number, self._size)


def _nothing() -> None:
    """Do nothing."""


def _full(error: BaseException) -> TapeFullError:
    if isinstance(error, TapeFullError):
        return error
    if isinstance(error, OSError):
        return TapeFullError(
            f"no room for what sessions say: {error.strerror}: {error.filename or 'tape'}",
            hint="free some disk space; sessions are refused until then",
        )
    raise error


def _locked_directory(path: Path) -> int:
    """Make the tape's directory; it is locked before anyone can find it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    hidden.mkdir(mode=0o700)
    descriptor = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    hidden.rename(path)
    return descriptor
