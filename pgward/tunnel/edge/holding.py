"""One edge at a time serves from a directory: two would read each other's tapes and files.

The kernel lets go of the lock when its holder ends, and the holder does when it begins to drain:
its successor need not wait for the last sessions.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from pgward.core.errors import ConflictError
from pgward.system.files import open_regular, storage_errors

FILE: Final = "serving.lock"
_MOST: Final = 32


class Hold:
    """A directory that this process serves from, and those that it forks."""

    def __init__(self, directory: Path) -> None:
        """Hold it; raise ConflictError, which names who does already, or StorageError."""
        path = directory / FILE
        with storage_errors(path, "lock"):
            self._descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)
            except BlockingIOError:
                holder = os.pread(self._descriptor, _MOST, 0)
                self.leave()
                raise _held(directory, holder) from None
            except BaseException:  # also an interrupt: nobody else may find it held by nobody
                self.leave()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let another edge serve from it, whoever was forked from us; safe to call again."""
        if self._descriptor != -1:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.leave()

    def leave(self) -> None:
        """Be nobody who holds it; the process that this one was forked from still does."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor != -1:
            os.close(descriptor)


def _held(directory: Path, holder: bytes) -> ConflictError:
    pid = holder.decode("ascii", "replace").strip()
    who = f" (pid {pid})" if pid.isdecimal() else ""
    return ConflictError(
        f"an edge serves from {directory} already{who}",
        hint="end that one first; another edge wants a directory of its own: pgward edge enroll",
    )
