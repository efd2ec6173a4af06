"""Objects as files in a directory: complete or absent, and only the CA's account reads them."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pgward.ca.archive import objects
from pgward.core.errors import UnavailableError
from pgward.system import files


class DirectoryObjects:
    """An ObjectStore in a directory, which several processes may share."""

    def __init__(self, root: Path) -> None:
        self._root = files.private_dir(root.absolute())

    def __str__(self) -> str:
        return str(self._root)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Store an object, flushed to the disk; False when that key is there already."""
        path = self._root / objects.checked(key)
        temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
        with _unavailable(f"write {key}"):
            if path.exists():
                return False
            self._make(path.parent)
            try:
                files.write_new(temporary, data)
                path.hardlink_to(temporary)  # unlike a rename it replaces nothing
            except FileExistsError:
                return False
            finally:
                with suppress(FileNotFoundError):
                    temporary.unlink()
            files.sync_dir(path.parent)
        return True

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Return an object's bytes from ``start`` to before ``end``; raise NotFoundError."""
        path = self._root / objects.checked(key)
        with _unavailable(f"read {key}"):
            try:
                with path.open("rb") as file:
                    # Not more than there is: what is asked for is reserved in memory beforehand.
                    stop = start + objects.MOST_BYTES if end is None else end
                    stop = min(stop, os.fstat(file.fileno()).st_size)
                    file.seek(start)
                    return file.read(max(0, stop - start))
            except FileNotFoundError:
                raise objects.missing(key) from None

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        """Yield the keys that begin with ``prefix`` and come after ``after``, in their order."""
        objects.checked_prefix(prefix)
        folder = prefix.rpartition("/")[0]
        with _unavailable(f"list {prefix}"):
            for key in self._keys(f"{folder}/" if folder else "", after):
                if key.startswith(prefix) and key > after:
                    yield key

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        path = self._root / objects.checked(key)
        with _unavailable(f"remove {key}"):
            path.unlink(missing_ok=True)

    def _keys(self, folder: str, after: str) -> Iterator[str]:
        """Yield all keys below a folder, sorted as whole texts, as S3 sorts them.

        Folders in which nothing comes after ``after`` are left out.
        """
        try:
            with os.scandir(self._root / folder) as found:
                entries = [each for each in found if not each.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return
        names = sorted(f"{each.name}/" if each.is_dir() else each.name for each in entries)
        for name in names:
            if name.endswith("/"):
                if after < folder + name or after.startswith(folder + name):
                    yield from self._keys(folder + name, after)
            else:
                yield folder + name

    def _make(self, folder: Path) -> None:
        """Create a folder, each of whose parents outlives a power cut."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        files.sync_dir(folder.parent)


@contextmanager
def _unavailable(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnavailableError(
            f"the archive cannot {what}: {reason}",
            hint="check the archive's directory: its owner, and its free space",
        ) from error
