"""Chunks that a target refused for good: kept in a directory of their own, for people to look at.

What comes behind one goes on without it, and the CA puts on record that its lines are missing.
``CHAIN-FIRST.chunk`` is the chunk's file as it was on the shelf, ``….parcel`` the one beside it,
and ``….json`` says who refused it and why. They count as records that wait, until they are taken
after all or somebody removes them.
"""

import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from pgward.system.files import atomic_write, private_dir, storage_errors, sync_dir

PLACE: Final = "refused"
_CHUNK: Final = ".chunk"
_PARCEL: Final = ".parcel"
_WHY: Final = ".json"


class Refused:
    """The directory; any thread may use it. ``size`` is of its chunks and parcels, in bytes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / PLACE
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        if self.directory.is_dir():
            for path in self.directory.glob(f"*{_CHUNK}"):
                self._sizes[path.stem] = self._measured(path.stem)

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

    def add(self, name: str, chunk: Path, parcel: Path, *, target: str, why: str) -> None:
        """Keep what is in these files, of which the second may not be; raise StorageError."""
        with self._lock, storage_errors(self.directory):
            private_dir(self.directory)
            for path, suffix in ((chunk, _CHUNK), (parcel, _PARCEL)):
                with suppress(FileNotFoundError, FileExistsError):
                    os.link(path, self.path(name, suffix))  # the same file: it needs no room
            told = self._told(name) | {target: why}
            atomic_write(self.path(name, _WHY), json.dumps(told, indent=2).encode() + b"\n")
            sync_dir(self.directory)
            self._sizes[name] = self._measured(name)

    def remove(self, name: str) -> None:
        """Forget a chunk that was taken after all, and all that stands beside it."""
        with self._lock, storage_errors(self.directory, "remove from"):
            for suffix in (_PARCEL, _WHY, _CHUNK):
                self.path(name, suffix).unlink(missing_ok=True)
            self._sizes.pop(name, None)

    def path(self, name: str, suffix: str = _CHUNK) -> Path:
        """Return where a chunk's file is."""
        return self.directory / f"{name}{suffix}"

    def _told(self, name: str) -> dict[str, str]:
        try:
            return dict(json.loads(self.path(name, _WHY).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return {}

    def _measured(self, name: str) -> int:
        files = (self.path(name, suffix) for suffix in (_CHUNK, _PARCEL))
        return sum(path.stat().st_size for path in files if path.exists())
