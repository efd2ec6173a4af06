"""Segments of a tape as files: reserved on disk, mapped, named by their numbers."""

import fcntl
import mmap
import os
import re
import secrets
from pathlib import Path
from typing import NamedTuple

from pgward.audit.tape.frames import (
    CLOSED_WORD,
    TAIL_WORD,
    encode_header,
)

DIRECTORY = "tape"
HALF = 0.5
"""So full a tape is when it is pressing."""
_FEW = 4  # segments: one of them is written, and one is the next
_NAME = re.compile(r"([0-9]{6,10})\.tape")
_BOOT = re.compile(r"[0-9a-f]{16}")


def new_boot(run: str = "") -> str:
    """Return a name that no other start of a worker has: 16 hex letters, an edge's run first."""
    return run + secrets.token_hex(8 - len(run) // 2)


def boots(directory: Path) -> list[str]:
    """Return the names of the tapes below ``directory``."""
    try:
        names = [path.name for path in (directory / DIRECTORY).iterdir()]
    except FileNotFoundError:
        return []
    return sorted(name for name in names if _BOOT.fullmatch(name))


def is_written(directory: Path) -> bool:
    """Tell whether the writer of a tape lives."""
    try:
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def numbers(directory: Path) -> list[int]:
    """Return the numbers of the segments of one tape, in order; none if somebody removed it."""
    try:
        found = [_NAME.fullmatch(path.name) for path in directory.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(match[1]) for match in found if match)


def path_of(directory: Path, number: int) -> Path:
    """Return where a segment is."""
    return directory / f"{number:06}.tape"


class Fill(NamedTuple):
    """How many segments of a tape there are and may be, and the first one's number."""

    used: int
    most: int
    first: int

    @property
    def level(self) -> float:
        """How much of the room is used; 1: all."""
        return self.used / self.most if self.most else 1.0

    @property
    def is_pressing(self) -> bool:
        """Whether so much is on it that whoever says the most should say less."""
        return self.used >= _FEW and self.level >= HALF


def fill(directory: Path, most: int, size: int) -> Fill:
    """Return how full a tape is, by its own bound and by what its disk has room for."""
    found = numbers(directory)
    try:
        disk = os.statvfs(directory)
    except OSError:  # somebody has removed it, or the disk fails, and is told of elsewhere
        return Fill(0, most, 0)
    most = min(most, len(found) + disk.f_bavail * disk.f_frsize // size)
    return Fill(len(found), most, min(found, default=0))


class Segment:
    """A reserved segment that is written: ``words`` are its header's numbers of 8 bytes."""

    def __init__(self, directory: Path, boot: str, number: int, size: int) -> None:
        """Reserve the file (OSError if there is no room; nothing is left behind then)."""
        self.number = number
        self.path = path_of(directory, number)
        hidden = self.path.with_suffix(".new")
        descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
            self.map = mmap.mmap(descriptor, size)
            header = encode_header(boot, number, size)
            self.map[: len(header)] = header
            hidden.rename(self.path)
        except BaseException:  # interrupted as well: half a segment must not stay on a full disk
            hidden.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        self.words = memoryview(self.map).cast("Q")

    def close(self) -> None:
        """Say that no frame will follow, and let go of the file."""
        self.words[CLOSED_WORD] = 1
        self.words.release()
        self.map.close()

    def discard(self) -> None:
        """Remove a segment that was never used."""
        self.path.unlink(missing_ok=True)
        self.close()

    @property
    def tail(self) -> int:
        """Where the frames end."""
        return self.words[TAIL_WORD]
