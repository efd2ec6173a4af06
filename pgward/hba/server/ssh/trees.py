"""Whole directories of the other machine, for what must be worked on here."""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from pgward.hba.server.access import Tree
from pgward.hba.server.disk import DiskError
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.disk import SshDisk
from pgward.hba.server.ssh.running import Runner

_MOST_BYTES = 4 * 1024 * 1024
_MOST_ENTRIES = 1_000
_HINT = "find out who made it, remove the directory, and enroll again"


@dataclass(frozen=True, slots=True)
class SshTrees:
    """A host's identity: read as one archive, put back file by file, switched by a rename."""

    runner: Runner

    def read(self, directory: Path) -> Tree:
        """Return the content; nothing without such a directory; raise DiskError."""
        self._finish(directory)
        done = self.runner.ask(scripts.TREE, str(directory))
        if done.status == scripts.MISSING:
            return {}
        if done.status:
            raise DiskError(f"cannot read {directory}: {done.said}", hint=_HINT)
        if len(done.stdout) > 2 * _MOST_BYTES:
            raise DiskError(f"cannot read {directory}: it is too large", hint=_HINT)
        try:
            return unpack(done.stdout)
        except (tarfile.TarError, ValueError) as error:
            raise DiskError(f"cannot read {directory}: {error}", hint=_HINT) from error

    def put(self, directory: Path, tree: Tree) -> None:
        """Replace the content, so that a lost connection leaves the old or the new one whole."""
        disk, fresh = SshDisk(self.runner), _fresh(directory)
        partial = directory.with_name(f".{directory.name}.partial")
        with disk.together():
            disk.remove(partial)
            disk.make_dir(partial)
            for name, content in tree.items():
                path = partial / name
                if content is None:
                    disk.make_dir(path)
                elif isinstance(content, Path):
                    disk.point(path, str(content))
                else:
                    disk.replace(path, content)
            disk.move(partial, fresh)
            disk.remove(directory)
            disk.move(fresh, directory)

    def _finish(self, directory: Path) -> None:
        """Complete a replacement that was cut off after the new content was whole."""
        disk, fresh = SshDisk(self.runner), _fresh(directory)
        if fresh.name in disk.names(directory.parent):
            disk.remove(directory)
            disk.move(fresh, directory)


def unpack(data: bytes) -> Tree:
    """Read an archive in memory; raise ValueError for what an identity does not hold."""
    found: Tree = {}
    left = _MOST_BYTES
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name in {"", "."}:
                continue
            if len(found) >= _MOST_ENTRIES or ".." in Path(name).parts or name.startswith("/"):
                raise ValueError("it holds what an identity does not")
            if member.isdir():
                found[name] = None
            elif member.issym():
                found[name] = Path(member.linkname)
            elif member.isreg():
                left -= member.size  # a sparse one has more than the archive
                if left < 0 or member.issparse():
                    raise ValueError("it holds more than an identity does")
                file = archive.extractfile(member)
                found[name] = b"" if file is None else file.read()
    return dict(sorted(found.items()))


def _fresh(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.new")
