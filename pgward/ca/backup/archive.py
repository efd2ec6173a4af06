"""What is inside a backup: a gzipped tar, read and written as a stream.

===========================  ====================================================================
``pgward-backup.json``       first: the format, who made it when, and the tables' schema
``files/...``                the CA's directory: settings, certificates, encrypted keys
``tables/NAME/000001.jsonl`` rows in their canonical form (``store.rows``), one a line
``manifest.json``            last: SHA-256 of each file, rows and hash of each table
===========================  ====================================================================

A reader refuses members that it does not know, so a backup is restored whole or not at all.
"""

import gzip
import io
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import PurePosixPath
from typing import IO, Any, Self, cast

from pgward.ca.store.rows import Tally
from pgward.core.errors import InvalidInputError

FORMAT = 1
HEADER, MANIFEST = "pgward-backup.json", "manifest.json"
_FILES, _TABLES = "files/", "tables/"
_CHUNK = re.compile(r"tables/([a-z][a-z0-9_]{0,62})/[0-9]{6,12}\.jsonl")
_MOST_MEMBER = 256 * 1024 * 1024
_MOST_META = 4 * 1024 * 1024


class BackupError(InvalidInputError):
    """The file is no backup, or not a whole one."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup says of itself first."""

    pgward: str
    made_at: str
    ca: str
    schema: str
    format: int = FORMAT

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read JSON; BackupError when it is of a format that we do not know."""
        found = _json(data)
        if found.get("format") != FORMAT:
            raise BackupError("it was made by a newer pgward", hint="upgrade pgward first")
        texts = {name: found.get(name) for name in ("pgward", "made_at", "ca", "schema")}
        if not all(isinstance(text, str) for text in texts.values()):
            raise BackupError(f"{HEADER} in it is damaged")
        return cls(**cast("dict[str, Any]", texts))


@dataclass(slots=True)
class Manifest:
    """What a whole backup holds."""

    files: dict[str, str] = field(default_factory=dict)
    tables: dict[str, Tally] = field(default_factory=dict)

    def dump(self) -> bytes:
        """Return it as JSON."""
        tables = {
            name: {"rows": tally.rows, "hash": tally.hexdigest}
            for name, tally in self.tables.items()
        }
        return _dump({"files": self.files, "tables": tables})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read JSON; raise BackupError."""
        found = _json(data)
        try:
            tables = {
                name: Tally(int(each["rows"]), int(each["hash"], 16))
                for name, each in found["tables"].items()
            }
            return cls(dict(found["files"]), tables)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BackupError(f"{MANIFEST} in it is damaged") from error


class Writer:
    """Writes the members; ``finish`` the manifest, and only then is it a backup."""

    def __init__(self, target: Any, header: Header) -> None:
        self.manifest = Manifest()
        self._packed = gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1, mtime=0)
        self._tar = tarfile.open(fileobj=self._packed, mode="w|")  # noqa: SIM115 - finish closes it
        self._add(HEADER, _dump(asdict(header)))

    def file(self, name: str, data: bytes) -> None:
        """Add a file of the CA's directory."""
        self.manifest.files[name] = sha256(data).hexdigest()
        self._add(f"{_FILES}{name}", data)

    def table(self, name: str, chunks: Iterable[Iterable[bytes]]) -> None:
        """Add a table: chunks of rows in their canonical form."""
        tally = self.manifest.tables[name] = Tally()
        for number, chunk in enumerate(chunks, 1):
            text = bytearray()
            for line in chunk:
                tally.add(line)
                text += line + b"\n"
            self._add(f"{_TABLES}{name}/{number:06}.jsonl", bytes(text))

    def finish(self) -> None:
        """Write the manifest and the end."""
        self._add(MANIFEST, self.manifest.dump())
        self._tar.close()
        self._packed.close()

    def _add(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o600
        self._tar.addfile(info, io.BytesIO(data))


@dataclass(frozen=True, slots=True)
class Sink:
    """What a reader does with what it finds, before all of it is known to be right."""

    header: Callable[[Header], object]
    file: Callable[[str, bytes], object]
    rows: Callable[[str, list[bytes]], object]


def read(source: IO[bytes], sink: Sink) -> Manifest:
    """Read a backup to its end, and return its manifest, which everything in it agrees with.

    Raises BackupError; what ``sink`` got must then be thrown away.
    """
    found = Manifest()
    stated: Manifest | None = None
    with gzip.GzipFile(fileobj=source, mode="rb") as packed:
        for name, data in _members(packed):
            if stated is not None:
                raise BackupError("something follows its end")
            if name == MANIFEST:
                stated = Manifest.parse(data)
            elif name == HEADER:
                sink.header(Header.parse(data))
            else:
                _take(name, data, found, sink)
    if stated is None:
        raise BackupError("it is not complete")
    _compare(found, stated)
    return stated


def _take(name: str, data: bytes, found: Manifest, sink: Sink) -> None:
    chunk = _CHUNK.fullmatch(name)
    if chunk is not None:
        lines = data.splitlines()
        tally = found.tables.setdefault(chunk[1], Tally())
        for line in lines:
            tally.add(line)
        sink.rows(chunk[1], lines)
    elif name.startswith(_FILES):
        inside = _safe(name.removeprefix(_FILES))
        found.files[inside] = sha256(data).hexdigest()
        sink.file(inside, data)
    else:
        raise BackupError(f"it holds {name!r}, which this pgward does not know")


def _compare(found: Manifest, stated: Manifest) -> None:
    """Raise BackupError unless both hold the same; an empty table has no rows to be found."""
    if found.files != stated.files:
        raise BackupError("its files are not those that it says")
    for name in sorted(found.tables.keys() | stated.tables.keys()):
        if found.tables.get(name, Tally()) != stated.tables.get(name, Tally()):
            raise BackupError(f"the rows of {name} in it are not those that it says")


def _members(packed: gzip.GzipFile) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each member, the header first; raise BackupError."""
    try:
        with tarfile.open(fileobj=packed, mode="r|") as tar:
            for number, member in enumerate(tar):
                if (number == 0) != (member.name == HEADER):
                    raise BackupError("it is an age file, but no backup of pgward's")
                if not member.isreg() or member.size > _MOST_MEMBER:
                    raise BackupError(f"{member.name!r} in it is no file of a backup")
                content = tar.extractfile(member)
                yield member.name, content.read() if content else b""
        while packed.read(_MOST_META):  # so that a cut is noticed, wherever it is
            pass
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, UnicodeError) as error:
        raise BackupError("it is an age file, but no backup of pgward's") from error


def _safe(name: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or str(path) != name or "\0" in name:
        raise BackupError(f"{name!r} in it cannot be a file's name")
    return name


def _dump(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data[:_MOST_META])
    except (ValueError, RecursionError) as error:
        raise BackupError("it is damaged") from error
    if not isinstance(found, dict):
        raise BackupError("it is damaged")
    return found
