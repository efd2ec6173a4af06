"""Files of the server, touched as the server's account.

Root takes on that account for each access: the account controls its directories and its
configuration, which names further files, and must not lead root to others through symlinks.
Everything is whole or absent, as in ``pgward.system.files``; failures become DiskError.
"""

import contextlib
import os
import pwd
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pgward.core.errors import PgwardError
from pgward.hba.server.access import Status
from pgward.hba.server.attributes import Attributes
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
    os.setgroups(_groups(account))
    os.setegid(account.gid)
    os.seteuid(account.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _groups(account: Account) -> list[int]:
    try:
        return os.getgrouplist(pwd.getpwuid(account.uid).pw_name, account.gid)
    except KeyError:
        return [account.gid]


@dataclass(frozen=True, slots=True)
class Disk:
    """File access as ``account``, and never as more than it, whatever the paths lead to."""

    account: Account

    def read(self, path: Path) -> bytes | None:
        """Return the content, or None when there is no such file; no FIFO or device is read."""
        with self._access("read", path):
            try:
                return files.read_regular(path)
            except FileNotFoundError:
                return None

    def replace(
        self, path: Path, data: bytes, *, mode: int = 0o600, like: Path | None = None
    ) -> None:
        """Put ``data`` at ``path``, whole; the old content stays until then, and after a failure.

        An existing file, or else ``like``, gives owner, group, mode, ACL, SELinux label and the
        other attributes. A symlink stays, and the file that it points to is replaced.
        """
        with self._access("write", path):
            path = path.resolve()
            kept = Attributes.of(path if like is None else like)
            self._write(path, data, mode, kept)

    def restore(self, path: Path, backup: Path) -> None:
        """Move a backup, which lies beside the file, back into place; that needs no disk space."""
        with self._access("restore", path):
            path = path.resolve()
            os.replace(backup, path)  # noqa: PTH105 - the sync below works on names
            files.sync_dir(path.parent)

    def names(self, path: Path) -> list[str]:
        """Return the names in a directory, sorted; none when there is no such directory."""
        with self._access("read", path):
            try:
                return sorted(os.listdir(path))  # noqa: PTH208 - names are wanted
            except FileNotFoundError:
                return []

    def link(self, path: Path) -> str | None:
        """Return where a symlink leads, as it is written in it; None when it is none."""
        with self._access("read", path):
            return os.readlink(path) if path.is_symlink() else None  # noqa: PTH115 - as text

    def resolve(self, path: Path) -> Path:
        """Return the path of the file that symlinks lead to."""
        with self._access("read", path):
            return path.resolve()

    def move(self, source: Path, target: Path) -> None:
        """Rename a file, over another one if there is one, for good."""
        with self._access("move", source):
            os.replace(source, target)  # noqa: PTH105 - the sync below works on names
            files.sync_dir(target.parent)
            if source.parent != target.parent:
                files.sync_dir(source.parent)

    def sweep(self, path: Path) -> None:
        """Remove what runs that were killed while they wrote ``path`` left beside it."""
        with self._access("read", path):
            path = path.resolve()
            left = list(path.parent.glob(f".{path.name}.*.tmp"))
        for each in left:
            self.remove(each)

    def make_dir(self, path: Path) -> None:
        """Make a 0700 directory, unless it is there."""
        with self._access("create", path):
            path.mkdir(mode=0o700, exist_ok=True)

    def point(self, link: Path, target: str) -> None:
        """Make the symlink ``link`` point to ``target``, atomically."""
        temporary = link.with_name(f".{link.name}.tmp")
        with self._access("write", link):
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(target)
            os.replace(temporary, link)  # noqa: PTH105 - as above
            files.sync_dir(link.parent)

    def remove(self, path: Path) -> None:
        """Remove a file, a symlink or a whole directory, if it is there."""
        with self._access("remove", path):
            if not os.path.lexists(path):
                return
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            files.sync_dir(path.parent)

    def statuses(self, paths: Iterable[Path]) -> list[Status]:
        """Return what there is at each path; DiskError has the OSError as its cause."""
        return [self._status(path) for path in paths]

    def together(self) -> AbstractContextManager[None]:
        """Change each at once: nothing is won by gathering them here."""
        return contextlib.nullcontext()

    def looking(self, paths: Iterable[Path]) -> AbstractContextManager[None]:  # noqa: ARG002 - nothing is far away
        """Read each time."""
        return contextlib.nullcontext()

    def _status(self, path: Path) -> Status:
        with self._access("read", path):
            found = path.stat()
        return Status(found.st_mode, found.st_uid, found.st_gid)

    def _write(self, path: Path, data: bytes, mode: int, kept: Attributes | None) -> None:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
        try:
            _write_new(temporary, data, mode, kept)
            os.replace(temporary, path)  # noqa: PTH105 - the sync below works on names
            files.sync_dir(path.parent)
        except BaseException:  # Ctrl-C as well leaves no temporary file
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _access(self, verb: str, path: Path) -> Iterator[None]:
        with _errors(verb, path), acting_as(self.account):
            yield


def _write_new(path: Path, data: bytes, mode: int, kept: Attributes | None) -> None:
    """Write a file that is not there yet, and flush it.

    Attributes are put on through its first descriptor: where it lies, the account could put
    another file in its place, and have root give that one away.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        if kept is not None:
            kept.put_on(descriptor, _as_root)
        os.fsync(descriptor)


@contextlib.contextmanager
def _as_root() -> Iterator[bool]:
    """Be root again for a moment, if we were before we acted as an account; give whether we are."""
    account = os.geteuid()
    if os.getuid() != 0:
        yield False
        return
    os.seteuid(0)
    try:
        yield True
    finally:
        os.seteuid(account)


@contextlib.contextmanager
def _errors(verb: str, path: Path) -> Iterator[None]:
    hint = "check the free space, and that the account which owns the data directory may write"
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DiskError(f"cannot {verb} {path}: {reason}", hint=hint) from error
    except files.StorageError as error:
        raise DiskError(error.message, hint=hint) from error
