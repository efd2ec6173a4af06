"""Files in directories that belong to the server's account.

Root acts as that account while it touches them: a directory that the account controls may hold
symlinks, and root must not be led through one. Everything is whole or absent, as in
``pgward.system.files``; failures become DiskError.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pgward.core.errors import PgwardError
from pgward.system import files
from pgward.system.postgres import Account


class DiskError(PgwardError):
    """A file of the server could not be read or written."""


def owner_of(path: Path) -> Account:
    """Return the account that owns ``path``; raise DiskError."""
    with _errors("read", path):
        status = path.stat()
    return Account(str(status.st_uid), status.st_uid, status.st_gid)


@contextlib.contextmanager
def acting_as(account: Account) -> Iterator[None]:
    """Take on ``account`` for file access when we are root; else stay who we are.

    It holds for the whole process, so it must be short.
    """
    if os.geteuid() != 0 or account.uid == 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([account.gid])
    os.setegid(account.gid)
    os.seteuid(account.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def read(path: Path) -> bytes | None:
    """Return the content, or None when there is no such file."""
    with _errors("read", path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def replace(path: Path, data: bytes, *, mode: int = 0o600, like: Path | None = None) -> None:
    """Put ``data`` at ``path``; an existing file, or the new one ``like``, gives mode and group.

    A symlink stays, and the file that it points to is replaced.
    """
    path = path.resolve()
    account = owner_of(path.parent)
    with _errors("write", path):
        model = path if like is None else like
        status = model.stat() if model.exists() else None
        if status is not None:
            mode = status.st_mode & 0o777
            account = Account(account.name, account.uid, status.st_gid)
        with acting_as(account):
            files.atomic_write(path, data, mode)
            if status is not None and path.stat().st_gid != status.st_gid:
                with contextlib.suppress(PermissionError):  # not a member: our own group stays
                    os.chown(path, -1, status.st_gid)


def restore(path: Path, backup: Path) -> None:
    """Move a backup, which lies beside the file, back into place; that needs no disk space."""
    path = path.resolve()
    with _errors("restore", path), acting_as(owner_of(path.parent)):
        os.replace(backup, path)  # noqa: PTH105 - the sync below works on names
        files.sync_dir(path.parent)


def sweep(path: Path) -> None:
    """Remove what runs that were killed while they wrote ``path`` left beside it."""
    path = path.resolve()
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        remove(left)


def make_dir(path: Path) -> None:
    """Make a 0700 directory for the account that owns the parent, unless it is there."""
    with _errors("create", path):
        if path.is_dir():
            return
        with acting_as(owner_of(path.parent)):
            path.mkdir(mode=0o700)


def point(link: Path, target: str) -> None:
    """Make the symlink ``link`` point to ``target``, atomically."""
    temporary = link.with_name(f".{link.name}.tmp")
    with _errors("write", link), acting_as(owner_of(link.parent)):
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        os.replace(temporary, link)  # noqa: PTH105 - as above
        files.sync_dir(link.parent)


def remove(path: Path) -> None:
    """Remove a file, a symlink or a whole directory, if it is there."""
    with _errors("remove", path):
        if not os.path.lexists(path):
            return
        with acting_as(owner_of(path.parent)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            files.sync_dir(path.parent)


@contextlib.contextmanager
def _errors(verb: str, path: Path) -> Iterator[None]:
    hint = "check the free space, and that the file system is writable and the owner right"
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DiskError(f"cannot {verb} {path}: {reason}", hint=hint) from error
    except files.StorageError as error:
        raise DiskError(error.message, hint=hint) from error
