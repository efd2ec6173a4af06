"""How an auditor works, as the edge tells it over the life line."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from pgward.audit.tape.answers import new_key

PLACE: Final = "audit"  # below the edge's directory
SPOOL_MAX: Final = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AuditorSettings:
    """The edge's directory, the sinks' URLs, and how many bytes may wait for delivery.

    ``tape_key`` encrypts answers on tape; all processes of an edge's run have the same, and no
    file has it.
    """

    directory: Path
    sinks: tuple[str, ...] = ()
    spool_max: int = SPOOL_MAX
    log_level: str = "info"
    tape_key: bytes = field(default_factory=new_key, repr=False, compare=False)

    @property
    def place(self) -> Path:
        """Where the auditor keeps its files."""
        return self.directory / PLACE

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read what ``to_line`` wrote."""
        fields = json.loads(line)
        directory, sinks = Path(fields.pop("directory")), tuple(fields.pop("sinks"))
        key = fields.pop("tape_key", None)  # an edge that runs since an earlier version has none
        return cls(directory, sinks, tape_key=b64decode(key) if key else new_key(), **fields)

    def to_line(self) -> bytes:
        """Write them as a line."""
        fields = {
            "directory": str(self.directory),
            "sinks": self.sinks,
            "spool_max": self.spool_max,
            "log_level": self.log_level,
            "tape_key": b64encode(self.tape_key).decode("ascii"),
        }
        return json.dumps(fields).encode() + b"\n"
