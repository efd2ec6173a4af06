"""Chunks as files: ``EDGE/CHAIN/FIRST.ndjson`` with its manifest beside it, ``FIRST.jws``.

``export.json`` says what was asked for, and so what may be missing.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pgward.audit.chain import manifest as manifests
from pgward.audit.chain.lines import Head
from pgward.audit.chain.manifest import Manifest, SignedManifest
from pgward.core import names
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.pki import jws
from pgward.system.files import atomic_write, private_dir, read_regular, storage_errors

ABOUT = "export.json"
_MOST_BYTES = 64 * 1024 * 1024
_CHAIN = re.compile(r"[0-9a-f]{16}")
_FILE = re.compile(r"(\d{18})\.(jws|ndjson)")


class Exporter:
    """Writes chunks into a directory; those that are there stay."""

    def __init__(self, directory: Path) -> None:
        self._directory = private_dir(directory)
        self.chunks = 0
        self.written = 0

    def has(self, signed: SignedManifest) -> bool:
        """Tell whether a chunk is there, whole, and count it."""
        path = self._path(signed.manifest)
        is_there = path.with_suffix(".jws").is_file() and path.is_file()
        same = is_there and path.with_suffix(".jws").read_text("ascii").strip() == signed.text
        self.chunks += same
        return same

    def write(self, signed: SignedManifest, lines: Sequence[bytes]) -> None:
        """Write a chunk; its manifest comes last, so that what has one is whole."""
        path = self._path(signed.manifest)
        private_dir(path.parent)
        atomic_write(path, b"\n".join([*lines, b""]))
        atomic_write(path.with_suffix(".jws"), signed.text.encode() + b"\n")
        self.chunks += 1
        self.written += 1

    def finish(self, about: dict[str, Any]) -> None:
        """Say what the directory holds."""
        data = json.dumps(about, indent=2).encode() + b"\n"
        atomic_write(self._directory / ABOUT, data)

    def _path(self, about: Manifest) -> Path:
        names.resource_name(about.edge)  # it becomes a directory
        return self._directory / about.edge / about.chain / f"{about.first_seq:018d}.ndjson"


class Exported:
    """Reads what an Exporter wrote; raises NotFoundError, InvalidInputError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        path = directory / ABOUT
        if not path.is_file():
            raise NotFoundError(f"{directory} holds no export: it has no {ABOUT}")
        try:
            self._about = dict(json.loads(_read(path)))
            self._chains = {
                (str(each["edge"]), str(each["chain"])): each for each in self._about["chains"]
            }
            self._filters = dict(self._about["filters"])
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInputError("this file is damaged", where=str(path)) from error

    def chains(self) -> list[tuple[str, str]]:
        """Return edge and name of each chain that has a directory, or should have one."""
        there = {
            (path.parent.name, path.name)
            for path in self._directory.glob("*/*")
            if path.is_dir() and _CHAIN.fullmatch(path.name)
        }
        expected = set() if self._is_filtered() else self._chains.keys()
        return sorted(there | expected)

    def start(self, edge: str, chain: str) -> Head:
        """Return the head that the first line that was kept follows."""
        about = self._chains.get((edge, chain))
        try:
            if about is not None and int(about["first_seq"]) > 1:
                first = int(about["first_seq"]) - 1
                return Head(chain, first, jws.decode(str(about["first_hash"])))
            return Head.origin(chain)
        except (ValueError, KeyError) as error:
            raise InvalidInputError(f"{ABOUT} says nothing usable of {edge}/{chain}") from error

    def gaps(self, edge: str, chain: str) -> list[tuple[int, int]]:
        """Return lines that may be missing: that never came, or were not asked for."""
        if self._is_filtered():
            return [(1, 1 << 62)]
        about = self._chains.get((edge, chain), {})
        try:
            return [(int(first), int(last)) for first, last in about.get("gaps", ())]
        except (ValueError, TypeError) as error:
            raise InvalidInputError(f"{ABOUT} says nothing usable of {edge}/{chain}") from error

    def chunks(
        self, edge: str, chain: str
    ) -> Iterator[tuple[int, Callable[[], tuple[SignedManifest, list[bytes]]]]]:
        """Yield each chunk's first line, and what reads it; raises StorageError, ManifestError."""
        folder = self._directory / edge / chain
        found = {
            int(match[1])
            for path in (folder.iterdir() if folder.is_dir() else ())
            if (match := _FILE.fullmatch(path.name))
        }
        for first_seq in sorted(found):
            yield first_seq, partial(_chunk, folder / f"{first_seq:018d}.ndjson")

    def _is_filtered(self) -> bool:
        return bool(self._filters.keys() - {"edge"})


def _chunk(path: Path) -> tuple[SignedManifest, list[bytes]]:
    signed = manifests.read(_read(path.with_suffix(".jws")).decode("ascii", "replace").strip())
    data = _read(path)
    return signed, data.removesuffix(b"\n").split(b"\n")


def _read(path: Path) -> bytes:
    with storage_errors(path, "read"):
        return read_regular(path, _MOST_BYTES + 1024)
