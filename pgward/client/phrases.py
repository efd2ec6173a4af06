"""Times and numbers as people say them."""

from datetime import datetime, timedelta
from itertools import pairwise

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def duration(span: timedelta) -> str:
    """Return for example ``59 minutes`` or ``11 hours 30 minutes``.

    At most two units, rounded to the smaller of them: 12 hours less a second are 12 hours.
    """
    seconds = max(0, round(span.total_seconds()))
    for (unit, size), (smaller, rest) in pairwise(_UNITS):
        rounded = round(seconds / rest) * rest
        if rounded >= size:
            parts = [counted(rounded // size, unit), counted(rounded % size // rest, smaller)]
            return " ".join(part for part in parts if not part.startswith("0 "))
    return counted(seconds, "second")


def ago(span: timedelta) -> str:
    """Return for example ``3 hours ago``."""
    return f"{duration(span)} ago"


def when(moment: datetime, now: datetime) -> str:
    """Return a time in relation to now: ``in 59 minutes`` or ``3 hours ago``."""
    return f"in {duration(moment - now)}" if moment > now else ago(now - moment)


def counted(count: int, what: str) -> str:
    """Return for example ``1 certificate`` or ``2 certificates``."""
    return f"{count} {what}{'' if count == 1 else 's'}"
