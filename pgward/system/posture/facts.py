"""The facts, the same on every operating system; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal

Topic = Literal["disk_encrypted", "screen_lock", "firewall", "updates_age_days"]
TOPICS: Final[tuple[Topic, ...]] = (
    "disk_encrypted",
    "screen_lock",
    "firewall",
    "updates_age_days",
)
_MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Fact:
    """``value`` is None when it could not be found out; ``how`` says why we think so."""

    value: bool | int | None
    how: str

    @classmethod
    def unknown(cls, how: str) -> "Fact":
        """Return that it could not be found out."""
        return cls(None, how)

    def as_json(self) -> dict[str, Any]:
        """Return what is reported: ``value`` is true, false, a number, or unknown."""
        return {"value": "unknown" if self.value is None else self.value, "how": self.how}


def age(day: date | None, today: date, how: str) -> Fact:
    """Return how many days ago something was; a day to come is a clock that was wrong."""
    if day is None or (today - day).days < -1:
        return Fact.unknown(how)
    return Fact(max(0, (today - day).days), how)


@dataclass(frozen=True, slots=True)
class Posture:
    """What a machine says of itself; ``family`` is linux, macos, windows or other."""

    family: str
    name: str
    version: str
    kernel: str
    facts: Mapping[Topic, Fact] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return what is reported."""
        missing = Fact.unknown("nothing was found out")
        return {
            "os": self.family,
            "os_name": self.name[:_MAX_TEXT],
            "os_version": self.version[:_MAX_TEXT],
            "kernel": self.kernel[:_MAX_TEXT],
            **{topic: self.facts.get(topic, missing).as_json() for topic in TOPICS},
        }
