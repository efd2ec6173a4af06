"""Files that are complete or absent, and directories that are ours alone."""

import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

from pgward.core.errors import PgwardError, UnavailableError

MOST_BYTES = 16 * 1024 * 1024
_LOCK_POLL_SECONDS = 0.02
_STANDARD = ("/dev/stdin", "/dev/stdout", "/dev/stderr")
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})")
_QUIET = os.O_NOCTTY | os.O_CLOEXEC


class StorageError(PgwardError):
    """A file could not be read or written: read-only, full, or somebody else's."""


@contextmanager
def storage_errors(path: Path, verb: str = "write") -> Iterator[None]:
    """Turn an OSError inside the block into a StorageError that names ``path``."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = _UNREADABLE if verb == "read" else _UNWRITABLE
        raise StorageError(f"cannot {verb} {path}: {reason}", hint=hint) from error


_UNREADABLE = "check its owner and mode, and those of its directory"
_UNWRITABLE = "check the directory's owner and free space, or set PGWARD_HOME to another place"


def atomic_write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put ``data`` at ``path`` whole: after a crash there is the old content or the new.

    Raises StorageError, after which the old content is still there. A device, such as /dev/stdout,
    is written to: root could put a file in its place, for every process of the machine.
    """
    if is_device(path):
        _write_into(path, data)
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    with storage_errors(path):
        try:
            write_new(temporary, data, mode)
            os.replace(temporary, path)  # noqa: PTH105 - the pair of fsync below works on names
            sync_dir(path.parent)
        except BaseException:  # Ctrl-C as well leaves no temporary file
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def write_named(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Do the same at a place that a person chose: what is a pipe there is written to, too.

    Not for files of our own, in whose place somebody may have put a pipe to wait, or to read.
    """
    if is_stream(path):
        _write_into(path, data)
    else:
        atomic_write(path, data, mode)


def is_stream(path: Path) -> bool:
    """Tell whether there is something that is written to, and cannot be replaced by a file."""
    if is_device(path):
        return True
    with suppress(OSError):
        kind = path.stat().st_mode
        return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))
    return False


def is_device(path: Path) -> bool:
    """Tell whether it is a device, or a descriptor: where /dev/stdout leads may be a file."""
    if _descriptor(path) is not None:
        return True
    with suppress(OSError):
        kind = path.stat().st_mode
        return stat.S_ISCHR(kind) or stat.S_ISBLK(kind)
    return False


def _write_into(path: Path, data: bytes) -> None:
    with storage_errors(path), open_stream(path) as stream:
        stream.write(data)


def open_stream(path: Path) -> BinaryIO:
    """Return what writes there: to a descriptor of ours as it is; raise OSError.

    Opened anew, a file behind a descriptor would be written from its beginning.
    """
    ours = _descriptor(path)
    return os.fdopen(os.open(path, os.O_WRONLY | _QUIET) if ours is None else os.dup(ours), "wb")


def _descriptor(path: Path) -> int | None:
    """Return the number of the descriptor that a name stands for (Linux, proc(5))."""
    name = os.path.abspath(path)  # noqa: PTH100 - resolved it would be what lies behind
    if name in _STANDARD:
        return _STANDARD.index(name)
    found = _DESCRIPTOR.fullmatch(name)
    return None if found is None else int(found[1])


def write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file that must not exist yet, and flush it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def read_regular(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return what is in a file of at most ``most`` bytes, for paths that others control.

    Raises OSError, and never waits: a FIFO would hold its reader, and a device may have no end.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes")
    return data


def open_regular(path: Path, flags: int) -> int:
    """Return a descriptor of a regular file, made with mode 0600 if ``flags`` say so.

    Raises OSError for anything else, and never waits.
    """
    flags |= os.O_NONBLOCK | _QUIET
    descriptor = os.open(path, flags, 0o600)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, "it is no regular file")


@contextmanager
def abandoned(lock: Path) -> Iterator[None]:
    """Hold the lock of a run of this account's that ended, to remove what it left behind.

    Raises OSError when it goes on, or was another account's.
    """
    descriptor = open_regular(lock, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        yield
    finally:
        os.close(descriptor)


def sync_dir(path: Path) -> None:
    """Flush a directory's entries, so that a rename survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_dir(path: Path) -> Path:
    """Create ``path`` (and its parents) with mode 0700, and refuse one that is not ours.

    A directory of ours that others may enter is closed to them.
    """
    with storage_errors(path, "create"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        if status.st_uid != os.geteuid():
            raise StorageError(
                f"{path} belongs to another user (uid {status.st_uid})",
                hint="set PGWARD_HOME to a directory of your own",
            )
        if stat.S_IMODE(status.st_mode) & 0o077:
            path.chmod(0o700)
    return path


def prove_writable(directory: Path, size: int = 4096) -> None:
    """Raise StorageError unless ``directory`` takes ``size`` bytes; nothing stays there.

    An empty file would not do: a full disk takes those.
    """
    probe = directory / "probe"
    atomic_write(probe, b"\0" * size)
    with storage_errors(probe, "remove"):
        probe.unlink()


class FileLock:
    """An exclusive lock between processes, held while the ``with`` block runs.

    The kernel drops it when its holder dies. Waits ``timeout`` seconds, then raises
    UnavailableError. The file stays, as removing it would let two holders in.
    """

    def __init__(self, path: Path, *, timeout: float = 60.0) -> None:
        self._path = path
        self._timeout = timeout
        self._descriptor = -1

    def __enter__(self) -> Self:
        with storage_errors(self._path, "lock"):
            self._descriptor = open_regular(self._path, os.O_RDWR | os.O_CREAT)
        try:
            self._wait()
        except BaseException:  # Ctrl-C as well while it waits
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _wait(self) -> None:
        deadline = time.monotonic() + self._timeout
        while not self._try():
            if time.monotonic() >= deadline:
                raise UnavailableError(
                    f"another pgward process has held {self._path} for {self._timeout:g} seconds",
                    hint="wait for it, or end it, and try again",
                )
            time.sleep(_LOCK_POLL_SECONDS)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1
