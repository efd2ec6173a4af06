"""How a session is recorded: as its service says, also when that changes while it runs.

What changes goes on tape first, so that the audit tells from where on a recording has more, or
less: a session's record is never silently shorter than its service once said.
"""

import json
from dataclasses import dataclass
from typing import Any, Self

from pgward.tunnel.edge.state_postgres import Config, Recording


@dataclass(frozen=True, slots=True)
class Recorded:
    """The level, for whom it is encrypted, and how many bytes of each answer are kept."""

    level: Recording
    recipient: str | None
    limit: int | None

    @classmethod
    def of(cls, config: Config, recipient: str | None) -> Self:
        """Return how a configuration has its sessions recorded."""
        limit = config.result_limit if config.recording == "results" else None
        return cls(config.recording, recipient, limit)

    @property
    def results(self) -> int:
        """How many bytes of each answer go on tape."""
        return self.limit or 0

    def to_json(self) -> dict[str, Any]:
        """Return it as records have it; what is None says nothing."""
        return {
            "recording": self.level,
            "recipient": self.recipient,
            "result_limit": self.limit,
        }

    def note(self, before: "Recorded") -> bytes:
        """Return what goes on tape when this takes the place of another: JSON."""
        told = {"reason": self._why(before), **self.to_json()}
        if before.level != self.level:
            told["recording_before"] = before.level
        known = {name: value for name, value in told.items() if value is not None}
        return json.dumps(known, separators=(",", ":")).encode()

    def _why(self, before: "Recorded") -> str:
        if before.level != self.level:
            return f"the service has its sessions recorded otherwise now: {_LEVELS[self.level]}"
        if before.limit != self.limit:
            return f"of each answer {self.limit} bytes are recorded now, not {before.limit}"
        return "the recording is encrypted for another key now"


_LEVELS: dict[Recording, str] = {
    "none": "not at all",
    "statements": "statements",
    "results": "statements and results",
}
