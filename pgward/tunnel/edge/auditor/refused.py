"""Chunks that a target refused for good: kept in a directory of their own, for people to look at.

What comes behind one goes on without it, and the CA puts on record that its lines are missing.
``CHAIN-FIRST.chunk`` is the chunk's file as it was on the shelf, ``….parcel`` the one beside it,
and ``….json`` says who refused it and why. They count as records that wait, until they are taken
after all (`pgward edge refused --offer`) or somebody removes them.
"""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from pgward.system.files import FileLock, atomic_write, private_dir, storage_errors, sync_dir

PLACE: Final = "refused"
_CHUNK: Final = ".chunk"
_PARCEL: Final = ".parcel"
_WHY: Final = ".json"
_LOCK: Final = "lock"


class Refused:
    """The directory; any thread may use it. ``size`` is of its chunks and parcels, in bytes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / PLACE
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._seen = -1
        self.look()

    @property
    def names(self) -> list[str]:
        """The names of the chunks, in the order of their chains."""
        with self._lock:
            return sorted(self._sizes)

    @property
    def size(self) -> int:
        """How many bytes they take."""
        with self._lock:
            return sum(self._sizes.values())

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._sizes

    def __len__(self) -> int:
        with self._lock:
            return len(self._sizes)

    def look(self) -> None:
        """Learn what another process, or a person, has removed meanwhile."""
        try:
            changed = self.directory.stat().st_mtime_ns
        except FileNotFoundError:
            changed = -1
        if changed == self._seen:
            return
        with self._lock:
            found = self.directory.glob(f"*{_CHUNK}")
            self._sizes = {path.stem: self._measured(path.stem) for path in found}
            self._seen = changed

    def lock(self, seconds: float) -> FileLock:
        """Return the lock for who offers them; it waits so long for another who does."""
        return FileLock(self.directory / _LOCK, timeout=seconds)

    def add(self, name: str, chunk: Path, parcel: Path, *, target: str, why: str) -> None:
        """Keep what is in these files, of which the second may not be; raise StorageError."""
        with self._lock, storage_errors(self.directory):
            private_dir(self.directory)
            # Here, as a person who offers may have another account than the edge.
            (self.directory / _LOCK).touch(0o600)
            for path, suffix in ((chunk, _CHUNK), (parcel, _PARCEL)):
                with suppress(FileNotFoundError, FileExistsError):
                    os.link(path, self.path(name, suffix))  # the same file: it needs no room
            self._tell(name, {**self.told(name), target: why})
            sync_dir(self.directory)
            self._sizes[name] = self._measured(name)

    def settle(self, name: str, target: str) -> dict[str, str]:
        """Hear that a target took a chunk after all; return who refuses it still, and why.

        When nobody does, the chunk is forgotten, and all that stands beside it.
        """
        left = {each: why for each, why in self.told(name).items() if each != target}
        if left:
            self._tell(name, left)
        else:
            self.remove(name)
        return left

    def remove(self, name: str) -> None:
        """Forget a chunk, and all that stands beside it."""
        with self._lock, storage_errors(self.directory, "remove from"):
            for suffix in (_PARCEL, _WHY, _CHUNK):
                self.path(name, suffix).unlink(missing_ok=True)
            self._sizes.pop(name, None)

    def path(self, name: str, suffix: str = _CHUNK) -> Path:
        """Return where a chunk's file is."""
        return self.directory / f"{name}{suffix}"

    def parcel(self, name: str) -> bytes:
        """Return the parcel beside a chunk; raise StorageError, also when there is none."""
        path = self.path(name, _PARCEL)
        with storage_errors(path, "read"):
            return path.read_bytes()

    def told(self, name: str) -> dict[str, str]:
        """Return who refused a chunk, and why; nothing when that cannot be read."""
        try:
            found = json.loads(self.path(name, _WHY).read_bytes())
            return {str(target): str(why) for target, why in found.items()}
        except (FileNotFoundError, ValueError, AttributeError):
            return {}

    def _tell(self, name: str, told: Mapping[str, str]) -> None:
        with storage_errors(self.directory):
            atomic_write(self.path(name, _WHY), json.dumps(told, indent=2).encode() + b"\n")

    def _measured(self, name: str) -> int:
        files = (self.path(name, suffix) for suffix in (_CHUNK, _PARCEL))
        return sum(path.stat().st_size for path in files if path.exists())
