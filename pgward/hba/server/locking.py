"""The lock that one run at a time holds on a host, and who holds it.

A run by SSH whose connection is lost may have a last command under way. Each of its commands holds
the file ``session`` while it works, and works only while its own word stands in there; so whoever
has the lock next takes that word away first.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pgward.core.clock import rfc3339
from pgward.core.errors import UnavailableError
from pgward.hba.server.disk import Disk, DiskError, acting_as
from pgward.system import files
from pgward.system.files import FileLock, StorageError
from pgward.system.postgres import Account

_MOST_WORDS = 200


@contextlib.contextmanager
def locked(path: Path, owner: Account, *, seconds: float) -> Iterator[None]:
    """Hold the lock, its file being the account's.

    Raises UnavailableError, naming the holder, when it is not free within so many seconds, and
    DiskError.
    """
    lock = FileLock(path, timeout=seconds)
    try:
        with acting_as(owner):
            lock.__enter__()
    except UnavailableError as error:
        holder = _holder(path, owner)
        raise UnavailableError(
            f"another run of pgward works on this server: {holder or path}",
            hint="wait for it, or end it, and try again",
        ) from error
    except StorageError as error:
        raise DiskError(
            error.message,
            hint="check the free space, and that the account which owns the data directory may "
            "write there",
        ) from error
    try:
        with acting_as(owner), contextlib.suppress(FileNotFoundError):
            _end_sessions(session_path(path))
        with contextlib.suppress(OSError), acting_as(owner):  # a full disk is no reason to stop
            _write(path, f"process {os.getpid()}, since {rfc3339(datetime.now(UTC))}\n")
        yield
    finally:
        lock.__exit__(None, None, None)


def session_path(lock: Path) -> Path:
    """Return the file that commands of a run by SSH hold."""
    return lock.with_name("session")


def _end_sessions(path: Path) -> None:
    """Wait for the last command of a run whose connection was lost, and let no other begin."""
    descriptor = files.open_regular(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    """Write into the file itself: a replaced one would not be the one that is locked."""
    descriptor = files.open_regular(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)


def _holder(path: Path, owner: Account) -> str:
    said = (Disk(owner).read(path) or b"")[:_MOST_WORDS].decode("ascii", "replace").strip()
    return said if said.isprintable() else ""
