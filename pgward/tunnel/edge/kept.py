"""What an edge keeps of its configuration on disk: the signed text, and parts beside it.

Each part is a file named by its digest, so that only what is new is written. Workers of one edge
share all of it.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pgward.pki import jws, snapshot, snapshot_parts
from pgward.system.files import (
    FileLock,
    atomic_write,
    private_dir,
    read_regular,
    storage_errors,
    sync_dir,
)

_PARTS = "snapshot.parts"
_LOCK = "snapshot.lock"
_MOST = snapshot.MAX_BYTES


@dataclass(frozen=True, slots=True)
class Answer:
    """What the CA tells: a signed text, and parts that it names, by digest."""

    snapshot: str
    parts: Mapping[str, str] = field(default_factory=dict)


class Kept:
    """The configuration beside ``path``, where the signed text is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parts = path.with_name(_PARTS)
        self._damaged: set[str] = set()

    def load(self) -> Answer | None:
        """Return it as it was kept, None if nothing was; raise StorageError, ValueError."""
        if not self.path.exists():
            return None
        with storage_errors(self.path, "read"):
            text = read_regular(self.path, _MOST).decode("ascii")
        parts = {each: self._part(each) for each in self._names() & _named(text)}
        self._damaged = {each for each in parts if snapshot_parts.digest(parts[each]) != each}
        return Answer(text, {each: parts[each] for each in parts.keys() - self._damaged})

    def save(self, text: str, parts: Mapping[str, str]) -> None:
        """Keep it, and no part of an older one; raise StorageError."""
        if not parts and not self._parts.exists():
            atomic_write(self.path, text.encode("ascii"))
            return
        private_dir(self._parts)
        with FileLock(self.path.with_name(_LOCK)):
            known = self._names()
            lacking = (parts.keys() - known) | (parts.keys() & self._damaged)
            self._write({each: parts[each].encode("ascii") for each in lacking})
            atomic_write(self.path, text.encode("ascii"))
            with storage_errors(self._parts):
                for each in known - parts.keys():
                    (self._parts / each).unlink(missing_ok=True)
        self._damaged = set()

    def _write(self, contents: Mapping[str, bytes]) -> None:
        """Write all, then flush all: the first flush takes most of the others with it."""
        places = {self._parts / f".{name}.tmp": name for name in contents}
        with storage_errors(self._parts):
            try:
                for temporary, name in places.items():
                    temporary.touch(mode=0o600)
                    temporary.write_bytes(contents[name])
                for temporary in places:
                    with temporary.open("rb") as file:
                        os.fsync(file.fileno())
                for temporary, name in places.items():
                    temporary.replace(self._parts / name)
            except BaseException:  # a full disk gets back what was written
                for temporary in places:
                    with suppress(OSError):
                        temporary.unlink(missing_ok=True)
                raise
            if places:
                sync_dir(self._parts)

    def _names(self) -> set[str]:
        if not self._parts.is_dir():
            return set()
        with storage_errors(self._parts, "read"):
            return {each.name for each in self._parts.iterdir()}

    def _part(self, name: str) -> str:
        path = self._parts / name
        with storage_errors(path, "read"):
            return read_regular(path, _MOST).decode("ascii")


def shown(path: Path) -> dict[str, Any]:
    """Return what is kept, as if it had come whole; unverified, and without parts that lack.

    Raises FileNotFoundError; PgwardError or ValueError where it is damaged.
    """
    kept = Kept(path).load()
    if kept is None:
        raise FileNotFoundError(path)
    payload = jws.parse(kept.snapshot, typ=snapshot.TYPE, max_bytes=_MOST).payload
    sections: dict[str, dict[str, Any]] = {}
    for section, buckets in payload.pop("parts", {}).items():
        for digest in buckets.values():
            found = snapshot_parts.unpack(kept.parts[digest]) if digest in kept.parts else {}
            sections.setdefault(section, {}).update(found)
    if "services" in sections:
        services = sections.pop("services")
        payload["services"] = [services[name] for name in sorted(services)]
    return payload | sections.pop("lists", {}) | sections


def _named(text: str) -> set[str]:
    """Return the parts that a text names; none where it cannot be read, which is told later."""
    try:
        payload = jws.parse(text, typ=snapshot.TYPE, max_bytes=_MOST).payload
        sections = payload.get("parts", {}).values()
        return {str(each) for section in sections for each in section.values()}
    except (jws.JwsError, AttributeError):
        return set()
