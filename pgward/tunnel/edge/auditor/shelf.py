"""Chunks on disk: each file comes into being whole, and stays until every target has it.

``NUMBER.chunk`` is a line of JSON, then the chunk. The line has the chunk's manifest, not signed
yet, and how many records of each tape have been chained since the checkpoint of ``generation``.
``NUMBER.parcel`` are the pieces of recordings that were made of the same records; it counts once
the chunk's file is there.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self

from pgward.audit.chain.manifest import Manifest
from pgward.core.errors import PgwardError
from pgward.system.files import atomic_write, private_dir, storage_errors, sync_dir
from pgward.tunnel.edge.auditor.refused import Refused

_SUFFIX: Final = ".chunk"
_PARCEL: Final = ".parcel"


class Chained(NamedTuple):
    """How many records of a tape have been chained since the checkpoint, and the last one's id."""

    records: int
    last: str


class DamagedChunkError(PgwardError):
    """A chunk's file is not what was written."""

    code = "damaged_chunk"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a chunk's file says of it."""

    number: int
    generation: int
    progress: Mapping[str, Chained]
    manifest: Manifest

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read what ``to_line`` wrote; raise DamagedChunkError."""
        try:
            fields = json.loads(line)
            progress = {boot: Chained(*each) for boot, each in fields["progress"].items()}
            manifest = Manifest.from_payload(fields["manifest"])
            return cls(fields["number"], fields["generation"], progress, manifest)
        except (PgwardError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedChunkError(f"a chunk's file is damaged: {error}") from error

    def to_line(self) -> bytes:
        """Write it as a line."""
        fields = {
            "number": self.number,
            "generation": self.generation,
            "progress": self.progress,
            "manifest": self.manifest.to_payload(),
        }
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def name_of(manifest: Manifest) -> str:
    """Return the name of a chunk among those that were set aside."""
    return f"{manifest.chain}-{manifest.first_seq:018d}"


def read_chunk(path: Path) -> tuple[Entry, bytes]:
    """Return what a chunk's file says, and the chunk; raise StorageError, DamagedChunkError."""
    with storage_errors(path, "read"):
        line, _, data = path.read_bytes().partition(b"\n")
    return Entry.from_line(line), data


class Shelf:
    """The chunks that wait. One thread adds, all may read; ``refused`` are those set aside."""

    def __init__(self, directory: Path) -> None:
        self._directory = private_dir(directory)
        self._changed = threading.Condition()
        self._closed = False
        self._sizes: dict[int, int] = {}
        for path in sorted(directory.iterdir()):
            if path.suffix == ".tmp":
                path.unlink()  # of a process that was killed
            elif path.suffix == _SUFFIX and path.stem.isdecimal():
                self._sizes[int(path.stem)] = path.stat().st_size
        for path in sorted(directory.glob(f"*{_PARCEL}")):
            if path.stem.isdecimal() and int(path.stem) in self._sizes:
                self._sizes[int(path.stem)] += path.stat().st_size
            else:
                path.unlink()  # its chunk was never made
        self._size = sum(self._sizes.values())
        self.refused = Refused(directory)

    @property
    def size(self) -> int:
        """How many bytes all files have, those that were refused as well."""
        return self._size + self.refused.size

    @property
    def numbers(self) -> list[int]:
        """The numbers of the chunks, in order."""
        with self._changed:
            return sorted(self._sizes)

    def add(self, entry: Entry, data: bytes, parcel: bytes = b"") -> None:
        """Put a chunk on disk, in place of the one with its number if there is one.

        A parcel that is there stays unless there is another. Raises StorageError, and all is as
        before then.
        """
        line, before = entry.to_line(), self._path(entry.number, _PARCEL)
        if parcel:
            atomic_write(before, parcel)
        atomic_write(self._path(entry.number), line + data)
        size = len(line) + len(data) + (before.stat().st_size if before.exists() else 0)
        with self._changed:
            self._size += size - self._sizes.get(entry.number, 0)
            self._sizes[entry.number] = size
            self._changed.notify_all()

    def parcel(self, number: int) -> bytes:
        """Return the parcel with a chunk's number, nothing when there is none."""
        path = self._path(number, _PARCEL)
        with storage_errors(path, "read"):
            return path.read_bytes() if path.exists() else b""

    def entry(self, number: int) -> Entry:
        """Return what a chunk's file says of it; raise StorageError, DamagedChunkError."""
        with storage_errors(self._path(number), "read"), self._path(number).open("rb") as file:
            return self._read(number, file.readline())

    def load(self, number: int) -> tuple[Entry, bytes]:
        """Return what a chunk's file says of it, and the chunk."""
        with storage_errors(self._path(number), "read"):
            line, _, data = self._path(number).read_bytes().partition(b"\n")
        return self._read(number, line), data

    def set_aside(self, number: int, target: str, why: str) -> Path:
        """Keep a chunk that a target refused for good; return where. Raises StorageError."""
        try:
            name = name_of(self.entry(number).manifest)
        except DamagedChunkError:
            name = f"{number:012}"
        files = self._path(number), self._path(number, _PARCEL)
        self.refused.add(name, *files, target=target, why=why)
        return self.refused.path(name)

    def remove(self, upto: int) -> int:
        """Remove the chunks up to this number; return how many."""
        gone = [number for number in self.numbers if number <= upto]
        for number in gone:
            self._path(number).unlink(missing_ok=True)
            self._path(number, _PARCEL).unlink(missing_ok=True)
            with self._changed:
                self._size -= self._sizes.pop(number)
        if gone:
            sync_dir(self._directory)
        return len(gone)

    def behind(self, number: int) -> int | None:
        """Return the number of the next chunk after this one, or None."""
        with self._changed:
            return min((each for each in self._sizes if each > number), default=None)

    def wait(self, number: int, seconds: float | None = None) -> int | None:
        """Return the number of the next chunk after this one as soon as there is one.

        None when the shelf was closed, or the seconds have passed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._after(number), seconds)
            return None if self._closed else self.behind(number)

    def close(self) -> None:
        """Wake all who wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _after(self, number: int) -> bool:
        return any(each > number for each in self._sizes)

    def _read(self, number: int, line: bytes) -> Entry:
        try:
            return Entry.from_line(line)
        except DamagedChunkError as error:
            hint = f"move {self._path(number)} away: the CA will put on record that it is missing"
            raise DamagedChunkError(error.message, hint=hint) from error

    def _path(self, number: int, suffix: str = _SUFFIX) -> Path:
        return self._directory / f"{number:012}{suffix}"
