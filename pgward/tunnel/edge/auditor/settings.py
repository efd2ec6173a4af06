"""How an auditor works, as the edge tells it over the life line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

PLACE: Final = "audit"  # below the edge's directory
SPOOL_MAX: Final = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AuditorSettings:
    """The edge's directory, the sinks' URLs, and how many bytes may wait for delivery."""

    directory: Path
    sinks: tuple[str, ...] = ()
    spool_max: int = SPOOL_MAX
    log_level: str = "info"

    @property
    def place(self) -> Path:
        """Where the auditor keeps its files."""
        return self.directory / PLACE

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read what ``to_line`` wrote."""
        fields = json.loads(line)
        directory, sinks = Path(fields.pop("directory")), tuple(fields.pop("sinks"))
        return cls(directory, sinks, **fields)

    def to_line(self) -> bytes:
        """Write them as a line."""
        fields = {
            "directory": str(self.directory),
            "sinks": self.sinks,
            "spool_max": self.spool_max,
            "log_level": self.log_level,
        }
        return json.dumps(fields).encode() + b"\n"
