"""Whose sessions are to end, on disk until they have ended: a run may be cut off in between."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pgward.hba.roles.section import Pair
from pgward.hba.server.access import FileAccess


@dataclass(frozen=True, slots=True)
class Ending:
    """The pairs whose sessions no run has seen the end of."""

    path: Path
    disk: FileAccess

    def load(self) -> frozenset[Pair]:
        """Return them; a damaged file, which only our own account writes, holds none."""
        data = self.disk.read(self.path)
        try:
            return frozenset((str(person), str(role)) for person, role in json.loads(data or b"[]"))
        except (ValueError, TypeError):
            return frozenset()

    def save(self, pairs: Iterable[Pair]) -> None:
        """Note them, before anything is changed; none removes the file."""
        found = sorted(pairs)
        if found:
            self.disk.replace(self.path, json.dumps(found).encode() + b"\n")
        else:
            self.disk.remove(self.path)
