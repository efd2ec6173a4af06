"""Until when each may be a role that only a grant gives, on disk: it ends though the CA is away."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import PgwardError
from pgward.hba.roles.section import Pair
from pgward.hba.server.access import FileAccess

FILE: Final = "roles-until.json"


@dataclass(frozen=True, slots=True)
class Fuses:
    """The ends as the CA told them last, by its clock."""

    path: Path
    disk: FileAccess

    def load(self) -> dict[Pair, datetime]:
        """Return them; a damaged file, which only our own account writes, holds none."""
        data = self.disk.read(self.path)
        try:
            return {
                (str(person), str(role)): parse_rfc3339(until)
                for person, role, until in json.loads(data or b"[]")
            }
        except (ValueError, TypeError, PgwardError):
            return {}

    def save(self, ends: Mapping[Pair, datetime]) -> None:
        """Keep them, if they differ; none removes the file."""
        found = sorted([*pair, rfc3339(until)] for pair, until in ends.items())
        data = json.dumps(found).encode() + b"\n" if found else None
        if data == self.disk.read(self.path):
            return
        if data is None:
            self.disk.remove(self.path)
        else:
            self.disk.replace(self.path, data)

    def over(self, now: datetime) -> frozenset[Pair]:
        """Return those that have ended at a time of the CA."""
        return frozenset(pair for pair, until in self.load().items() if until <= now)
