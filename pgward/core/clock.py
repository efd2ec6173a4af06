"""Time as an argument, so that a test can choose it."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the wall-clock time, aware and in UTC."""

    def now(self) -> datetime:
        """Return the present time."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present time."""
        return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Write ``moment`` as RFC 3339 in UTC with whole seconds, as all our data does."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def precise_rfc3339(moment: datetime) -> str:
    """Write ``moment`` as RFC 3339 in UTC with microseconds: for places in an order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """Read an RFC 3339 time; raise ValueError when it has no time zone or is malformed."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return moment.astimezone(UTC)
