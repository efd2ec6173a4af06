"""A directory that appears whole, or not at all.

Everything is made in a sibling directory with a lock beside it, and renamed into place at the
end. What a killed run left behind is known by its free lock, and removed by the next run.
"""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pgward.ca.settings import FILE
from pgward.core.errors import ConflictError
from pgward.system import files
from pgward.system.files import StorageError

_LOCK = ".lock"


def refuse_existing(target: Path) -> None:
    """Raise ConflictError unless ``target`` is absent or an empty directory."""
    if (target / FILE).exists():
        raise ConflictError(
            f"there is a CA in {target} already",
            hint=f"pgward ca serve {target}, or choose another directory",
        )
    with storage(target):
        if target.is_dir() and not any(target.iterdir()):
            return
        if os.path.lexists(target):
            raise ConflictError(f"{target} is there already", hint="choose another directory")


@contextmanager
def sibling(target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a new 0700 directory next to ``target`` and its lock; remove what is left of both.

    The lock lies beside it, so that at no moment there is such a directory without a lock.
    """
    prefix = f".{target.name}.init-"
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target.parent, prefix)
    building = target.parent / f"{prefix}{secrets.token_hex(6)}"
    lock = building.with_name(f"{building.name}{_LOCK}")
    descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        building.mkdir(mode=0o700)
        yield building, lock
    finally:
        shutil.rmtree(building, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    for path in parent.iterdir():
        if path.name.startswith(prefix) and path.name.endswith(_LOCK):
            with suppress(OSError), files.abandoned(path):
                shutil.rmtree(path.with_name(path.name.removesuffix(_LOCK)), ignore_errors=True)
                path.unlink()


def move_into_place(building: Path, target: Path, lock: Path) -> None:
    """Give the finished directory its name; ConflictError when something else got it."""
    files.sync_dir(building)
    try:
        building.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise ConflictError(f"something else has just created {target}") from error
        raise
    lock.unlink()
    files.sync_dir(target.parent)


@contextmanager
def storage(target: Path) -> Iterator[None]:
    """Explain read-only and full disks; nothing stays behind."""
    try:
        yield
    except StorageError as error:
        raise StorageError(error.message, hint=_HINT) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"cannot create {target}: {reason}", hint=_HINT) from error


_HINT = "check the owner, the free space and the mount options of that place; nothing was created"
