"""Files on the other machine, touched as the server's account."""

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pgward.hba.server.access import Status
from pgward.hba.server.disk import DiskError
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.connection import Done
from pgward.hba.server.ssh.running import Change, Runner, check_fence
from pgward.hba.server.ssh.scripts import Command
from pgward.system.files import MOST_BYTES

_HINT = "check the free space there, and that the account which owns the data directory may write"
_MODE, _UID, _GID = range(3)


@dataclass(frozen=True, slots=True)
class SshDisk:
    """What ``disk.Disk`` is, there."""

    runner: Runner

    def read(self, path: Path) -> bytes | None:
        """Return the content, or None when there is no such file; no FIFO or device is read."""
        done = self.runner.ask(scripts.READ, str(path), str(MOST_BYTES + 1))
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
        done = self.runner.ask(scripts.NAMES, str(path))
        _check(done, "read", path)
        names = done.stdout.split(b"\0")
        return sorted(name.decode("utf-8", "surrogateescape") for name in names if name)

    def link(self, path: Path) -> str | None:
        """Return where a symlink leads; None when it is none."""
        done = self.runner.ask(scripts.LINK, str(path))
        if done.status == scripts.MISSING:
            return None
        _check(done, "read", path)
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def resolve(self, path: Path) -> Path:
        """Return the path of the file that symlinks lead to."""
        done = self.runner.ask(scripts.RESOLVE, str(path))
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

    def statuses(self, paths: Iterable[Path]) -> list[Status]:
        """Return what there is at each path, on one journey."""
        wanted = list(paths)
        asked = self.runner.ask_all(Command(scripts.STATUS, (str(path),)) for path in wanted)
        return [_status(done, path) for done, path in zip(asked, wanted, strict=True)]

    def together(self) -> AbstractContextManager[None]:
        """Let changes be gathered, and done on one journey."""
        return self.runner.together()

    @contextlib.contextmanager
    def looking(self, paths: Iterable[Path]) -> Iterator[None]:
        """Read these on one journey, and nothing twice until something is changed."""
        with self.runner.looking(map(_reading, paths)):
            yield

    def _change(
        self, verb: str, path: Path, script: str, *arguments: str, data: bytes = b""
    ) -> None:
        def check(done: Done) -> None:
            check_fence(done, path)
            _check(done, verb, path)

        self.runner.change(Change(Command(script, arguments, data), check))


def _reading(path: Path) -> Command:
    return Command(scripts.READ, (str(path), str(MOST_BYTES + 1)))


def _status(done: Done, path: Path) -> Status:
    try:
        _check(done, "read", path)
    except DiskError as error:
        if "No such file" in done.stderr:
            raise error from FileNotFoundError(str(path))
        raise
    words = done.stdout.split()
    return Status(int(words[_MODE], 16), int(words[_UID]), int(words[_GID]))


def _check(done: Done, verb: str, path: Path) -> None:
    if done.status:
        raise DiskError(f"cannot {verb} {path}: {done.said}", hint=_HINT)
