"""The directories of a demo, all below one root: made first, removed last."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pgward.core.errors import ConflictError, InvalidInputError
from pgward.demo.interrupts import Interrupts
from pgward.system.files import storage_errors

_PREFIX = "pgward-demo-"
_TRAVERSABLE = 0o711  # PostgreSQL's account must reach its own directory below
_PRIVATE = 0o700
_LONGEST_PARENT = 40


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one demo lies."""

    root: Path

    @property
    def authority(self) -> Path:
        """The CA's directory."""
        return self.root / "ca"

    @property
    def database(self) -> Path:
        """What PostgreSQL's account owns: data directory, socket and log."""
        return self.root / "pg"

    @property
    def edge(self) -> Path:
        """The edge's directory."""
        return self.root / "edge"

    @property
    def home(self) -> Path:
        """The person's PGWARD_HOME."""
        return self.root / "home"

    @property
    def admin_home(self) -> Path:
        """The administrator's PGWARD_HOME."""
        return self.root / "admin"

    @property
    def stranger(self) -> Path:
        """Another CA, and a home that is logged in there."""
        return self.root / "stranger"

    @property
    def facts(self) -> Path:
        """What a held demo tells programs."""
        return self.root / "demo.json"

    def file(self, name: str) -> Path:
        """Return a file beside the parts: a password, a manifest."""
        return self.root / name

    def log(self, name: str) -> Path:
        """Return where a process's messages go."""
        return self.root / "log" / f"{name}.log"


@contextmanager
def temporary(interrupts: Interrupts, directory: Path | None = None) -> Iterator[Layout]:
    """Make the root, a new directory or the empty one that was named, and remove all of it.

    A named directory that was there before stays, empty. Raises ConflictError when it is not empty.
    """
    existed = directory is not None and _check_empty(directory)
    root: Path | None = None
    try:
        with interrupts.shield():
            root = _make(directory)
        yield Layout(root)
    finally:
        if root is not None:
            _remove(root, keep=existed)


def _check_empty(directory: Path) -> bool:
    """Return whether the directory exists; refuse one that holds anything."""
    with storage_errors(directory, "read"):
        if not directory.exists():
            return False
        if not directory.is_dir():
            raise InvalidInputError(f"{directory} is not a directory")
        if any(directory.iterdir()):
            raise ConflictError(
                f"{directory} is not empty", hint="name a directory that is new or empty"
            )
    return True


def _make(directory: Path | None) -> Path:
    if directory is None:
        root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_parent()))
    else:
        root = directory.absolute()
        with storage_errors(root, "create"):
            root.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            if root.stat().st_uid != os.geteuid():
                raise InvalidInputError(
                    f"{root} belongs to another user", hint="name a directory of your own"
                )
    with storage_errors(root, "create"):
        root.chmod(_TRAVERSABLE if os.geteuid() == 0 else _PRIVATE)
        _check_empty(root)  # again: until now others may have been able to write there
        (root / "log").mkdir(mode=_PRIVATE)
    return root


def _parent() -> Path:
    """Return the system's place for temporary files, or /tmp where that one does not do.

    Its path may be too long for Unix sockets, or closed to the account that PostgreSQL runs as.
    """
    chosen, common = Path(tempfile.gettempdir()).absolute(), Path("/tmp")  # noqa: S108 (mkdtemp makes it private)
    open_to_all = all(each.stat().st_mode & stat.S_IXOTH for each in (chosen, *chosen.parents))
    fits = len(str(chosen)) <= _LONGEST_PARENT and (os.geteuid() != 0 or open_to_all)
    return chosen if fits or not common.is_dir() else common


def _remove(root: Path, *, keep: bool) -> None:
    with storage_errors(root, "remove"):
        if not keep:
            shutil.rmtree(root)
            return
        for path in root.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
