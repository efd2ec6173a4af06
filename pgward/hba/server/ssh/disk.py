"""Files on the other machine, touched as the server's account."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pgward.core.errors import ConflictError
from pgward.hba.server.disk import DiskError
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.connection import Done
from pgward.system.files import MOST_BYTES

_HINT = "check the free space there, and that the account which owns the data directory may write"
Runs = Callable[..., Done]
"""``run(script, *arguments, data=, fenced=)`` as the account."""


@dataclass(frozen=True, slots=True)
class SshDisk:
    """What ``disk.Disk`` is, there."""

    run: Runs

    def read(self, path: Path) -> bytes | None:
        """Return the content, or None when there is no such file; no FIFO or device is read."""
        done = self.run(scripts.READ, str(path), str(MOST_BYTES + 1))
        if done.status == scripts.MISSING:
            return None
        _check(done, "read", path)
        if len(done.stdout) > MOST_BYTES:
            raise DiskError(f"cannot read {path}: it has more than {MOST_BYTES} bytes", hint=_HINT)
        return done.stdout

    def replace(
        self, path: Path, data: bytes, *, mode: int = 0o600, like: Path | None = None
    ) -> None:
        """Put ``data`` at ``path``, whole, with the attributes of the old file, or of ``like``."""
        arguments = (str(path), str(like or ""), f"{mode:o}", str(len(data)), secrets.token_hex(6))
        self._change("write", path, scripts.REPLACE, *arguments, data=data)

    def restore(self, path: Path, backup: Path) -> None:
        """Move a backup, which lies beside the file, back into place."""
        self._change("restore", path, scripts.RESTORE, str(path), str(backup))

    def names(self, path: Path) -> list[str]:
        """Return the names in a directory, sorted; none when there is no such directory."""
        done = self.run(scripts.NAMES, str(path))
        _check(done, "read", path)
        names = done.stdout.split(b"\0")
        return sorted(name.decode("utf-8", "surrogateescape") for name in names if name)

    def link(self, path: Path) -> str | None:
        """Return where a symlink leads; None when it is none."""
        done = self.run(scripts.LINK, str(path))
        if done.status == scripts.MISSING:
            return None
        _check(done, "read", path)
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def resolve(self, path: Path) -> Path:
        """Return the path of the file that symlinks lead to."""
        done = self.run(scripts.RESOLVE, str(path))
        _check(done, "read", path)
        return Path(done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n"))

    def move(self, source: Path, target: Path) -> None:
        """Rename, over another one if there is one."""
        self._change("move", source, scripts.MOVE, str(source), str(target))

    def sweep(self, path: Path) -> None:
        """Remove what killed runs left beside a file."""
        self._change("read", path, scripts.SWEEP, str(path))

    def make_dir(self, path: Path) -> None:
        """Make a 0700 directory, unless it is there."""
        self._change("create", path, scripts.MAKE_DIR, str(path))

    def point(self, link: Path, target: str) -> None:
        """Make the symlink ``link`` point to ``target``, atomically."""
        self._change("write", link, scripts.POINT, str(link), target)

    def remove(self, path: Path) -> None:
        """Remove a file, a symlink or a whole directory, if it is there."""
        self._change("remove", path, scripts.REMOVE, str(path))

    def _change(
        self, verb: str, path: Path, script: str, *arguments: str, data: bytes = b""
    ) -> None:
        _check(self.run(script, *arguments, data=data, fenced=True), verb, path)


def _check(done: Done, verb: str, path: Path) -> None:
    if done.status == scripts.FENCED:
        raise ConflictError(
            f"another run of pgward works on this server since; {path} was left as it is",
            hint="look at what it did, then try again",
        )
    if done.status:
        raise DiskError(f"cannot {verb} {path}: {done.said}", hint=_HINT)
