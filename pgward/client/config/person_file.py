"""A configuration file of the person's own, outside our home: read and replaced with care.

It may be a symbolic link, as tools that keep dot files in a repository make them; then what it
leads to is replaced and the link stays. Files, links and directories that another account could
have put there are refused, and so is whatever is no regular file.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from pgward.core.errors import ConflictError, DeniedError
from pgward.system.files import atomic_write, open_regular, storage_errors

BACKUP = ".pgward-backup"
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PersonFile:
    """``path`` as the person names it, ``real`` where it is, ``data`` None when it is not."""

    path: Path
    real: Path
    data: bytes | None
    mode: int

    @classmethod
    def read(cls, path: Path) -> "PersonFile":
        """Read it; raise DeniedError when another account has a hand in it, StorageError."""
        with storage_errors(path, "read"):
            _check_link(path)
            real = Path(os.path.realpath(path))
            _check_directory(real.parent)
            try:
                descriptor = open_regular(real, os.O_RDONLY | os.O_NOFOLLOW)
            except FileNotFoundError:
                return cls(path, real, None, 0o600)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                _check_owner(path, status)
                data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConflictError(f"{path} is larger than any configuration")
        return cls(path, real, data, stat.S_IMODE(status.st_mode))

    def replace(self, data: bytes) -> None:
        """Put ``data`` in its place whole, with the mode as before; keep a 0600 backup beside it.

        A file that would be empty is removed.
        """
        if data == (self.data or b""):
            return
        if self.data:
            atomic_write(self.real.with_name(self.real.name + BACKUP), self.data, 0o600)
        if data:
            # Never more open to others than before, nor writable by them.
            atomic_write(self.real, data, self.mode & ~0o022)
            return
        with storage_errors(self.real, "remove"):
            self.real.unlink(missing_ok=True)


def _check_link(path: Path) -> None:
    """Refuse a link that another account made; its directory's owner is checked as well."""
    _check_directory(path.parent)
    if path.is_symlink():
        _check_owner(path, path.lstat())


def _check_owner(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise DeniedError(
            f"{path} belongs to another user (uid {status.st_uid})",
            hint="set PGSERVICEFILE to a file of your own",
        )


def _check_directory(directory: Path) -> None:
    status = directory.stat()
    others = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
    if status.st_uid not in (os.geteuid(), 0) or others:
        raise DeniedError(
            f"other users may change {directory}", hint="set PGSERVICEFILE to a file of your own"
        )
