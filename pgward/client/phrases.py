"""Times as people say them."""

from datetime import datetime, timedelta

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def duration(span: timedelta) -> str:
    """Return for example ``59 minutes`` or ``11 hours 30 minutes``: at most two units."""
    seconds = max(0, int(span.total_seconds()))
    parts: list[str] = []
    for index, (unit, size) in enumerate(_UNITS):
        count = seconds // size
        if count:
            parts.append(_count(count, unit))
            smaller = _UNITS[index + 1 : index + 2]
            rest = [_count(seconds % size // s, u) for u, s in smaller if seconds % size // s]
            return " ".join(parts + rest)
    return "0 seconds"


def ago(span: timedelta) -> str:
    """Return for example ``3 hours ago``."""
    return f"{duration(span)} ago"


def when(moment: datetime, now: datetime) -> str:
    """Return a time in relation to now: ``in 59 minutes`` or ``3 hours ago``."""
    return f"in {duration(moment - now)}" if moment > now else ago(now - moment)


def _count(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"
