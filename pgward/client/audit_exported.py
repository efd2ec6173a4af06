"""Chunks as files: ``EDGE/CHAIN/FIRST.ndjson`` with its manifest beside it, ``FIRST.jws``.

``export.json`` says what was asked for, which lines that were, and so what is left out.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pgward.audit.chain import manifest as manifests
from pgward.audit.chain.head import Head
from pgward.audit.chain.manifest import Manifest, SignedManifest
from pgward.core import names
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.pki import jws
from pgward.system.files import atomic_write, private_dir, read_regular, storage_errors

ABOUT = "export.json"
_MOST_BYTES = 64 * 1024 * 1024
_CHAIN = re.compile(r"[0-9a-f]{16}")
_LAST = (1 << 62) - 1
_FILE = re.compile(r"(\d{18})\.(jws|ndjson)")

Spans = list[tuple[int, int]]
"""Lines, from the first to the last of each span."""


class Exporter:
    """Writes chunks into a directory; those that are there stay."""

    def __init__(self, directory: Path) -> None:
        self._directory = private_dir(directory)
        self.chunks = 0
        self.written = 0
        self._chosen: dict[tuple[str, str], list[tuple[int, int]]] = {}

    def has(self, signed: SignedManifest) -> bool:
        """Tell whether a chunk is there, whole, and count it; it is one of those asked for."""
        about = signed.manifest
        lines = about.first_seq, about.last_seq
        self._chosen.setdefault((about.edge, about.chain), []).append(lines)
        path = self._path(about)
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
        """Say what the directory holds: ``chains`` is what the CA says of them."""
        chains = [
            {**each, "lines": _merged(self._chosen.get((each["edge"], each["chain"]), ()))}
            for each in about["chains"]
        ]
        data = json.dumps({**about, "chains": chains}, indent=2).encode() + b"\n"
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
        whole = not self._is_filtered()
        expected = {key for key, about in self._chains.items() if whole or about.get("lines")}
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

    def gaps(self, edge: str, chain: str) -> Spans:
        """Return lines of which the CA said that they never came."""
        return self._spans(edge, chain, "gaps") or []

    def left_out(self, edge: str, chain: str) -> Spans:
        """Return lines that nobody asked for: those between what was."""
        if not self._is_filtered():
            return []
        found, first = [], 1
        chosen = self._spans(edge, chain, "lines") or []
        for begin, end in sorted([*chosen, *self.gaps(edge, chain)]):
            found.append((first, begin - 1))
            first = end + 1
        return [each for each in [*found, (first, _LAST)] if each[0] <= each[1]]

    def last(self, edge: str, chain: str) -> int:
        """Return the number of the last line that was asked for; 0 when nobody knows."""
        return max((end for _, end in self._spans(edge, chain, "lines") or ()), default=0)

    def _spans(self, edge: str, chain: str, name: str) -> Spans | None:
        about = self._chains.get((edge, chain), {})
        if name not in about:
            return None
        try:
            return [(int(first), int(last)) for first, last in about[name]]
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


def _merged(spans: Iterable[tuple[int, int]]) -> Spans:
    """Return spans as one where the next begins right behind."""
    found: Spans = []
    for first, last in sorted(spans):
        if found and found[-1][1] == first - 1:
            found[-1] = found[-1][0], last
        else:
            found.append((first, last))
    return found


def _chunk(path: Path) -> tuple[SignedManifest, list[bytes]]:
    signed = manifests.read(_read(path.with_suffix(".jws")).decode("ascii", "replace").strip())
    data = _read(path)
    return signed, data.removesuffix(b"\n").split(b"\n")


def _read(path: Path) -> bytes:
    with storage_errors(path, "read"):
        return read_regular(path, _MOST_BYTES + 1024)
