"""A file sink: lines appended to a file of mode 0600, which is rotated by size."""

import errno
import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Final, Self

from pgward.audit.sinks.sink import SinkError, SinkUrl
from pgward.core.errors import InvalidInputError
from pgward.system.files import open_regular

OPTIONS: Final = frozenset({"max-size", "keep"})
_MAX_SIZE: Final = 100 * 1024 * 1024
_KEEP: Final = 10
_BLOCK: Final = 64 * 1024
_OURS: Final = b'{"seq":'


class FileSink:
    """``FILE`` is the newest, ``FILE.1`` the one before; ``keep`` of those stay.

    A batch is written and flushed to the disk at once; what a full disk took of it is cut off.
    """

    def __init__(self, path: Path, *, max_size: int = _MAX_SIZE, keep: int = _KEEP) -> None:
        self._path = path
        self._max_size = max_size
        self._keep = keep
        self._file: FileIO | None = None

    @classmethod
    def of(cls, url: SinkUrl) -> Self:
        """Make it of ``file:///PATH#max-size=100M,keep=10``; raise InvalidInputError."""
        path = Path(url.parts.path)
        if url.parts.netloc or not path.is_absolute() or path.name == "":
            raise InvalidInputError("a file sink is file:///ABSOLUTE/PATH", where=url.text)
        return cls(path, max_size=url.number("max-size", _MAX_SIZE), keep=url.number("keep", _KEEP))

    def deliver(self, lines: Sequence[bytes]) -> None:
        """Append lines; raise SinkError."""
        data = b"\n".join([*lines, b""])
        try:
            file = self._opened(len(data))
            before = file.seek(0, os.SEEK_END)
            try:
                _write(file, data)
            except OSError:
                file.truncate(before)
                raise
        except OSError as error:
            self.close()
            reason = (error.strerror or str(error)).lower()
            raise SinkError(f"cannot write {self._path}: {reason}") from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self, more: int) -> FileIO:
        """Return the file with room for so many bytes; somebody else may have rotated it."""
        if self._file is not None and not self._is_ours(self._file):
            self.close()
        if self._file is None:
            descriptor = open_regular(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
            self._file = FileIO(descriptor, "ab+")
            _mend(self._file)
        size = os.fstat(self._file.fileno()).st_size
        if size and size + more > self._max_size:
            self.close()
            self._rotate()
            return self._opened(more)
        return self._file

    def _is_ours(self, file: FileIO) -> bool:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(file.fileno())
        return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)

    def _rotate(self) -> None:
        for number in range(self._keep - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _write(file: FileIO, data: bytes) -> None:
    if file.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())


def _mend(file: FileIO) -> None:
    """Cut off the line that a process which was killed began; it comes again, whole."""
    size = begin = file.seek(0, os.SEEK_END)
    tail = b""
    while begin and b"\n" not in tail:
        begin = max(0, begin - _BLOCK)
        file.seek(begin)
        tail = file.read(size - begin)
    torn = tail[tail.rfind(b"\n") + 1 :]
    if torn.startswith(_OURS[: len(torn)]):
        file.truncate(size - len(torn))
    else:
        file.write(b"\n")  # somebody else's line: ours begins behind it
