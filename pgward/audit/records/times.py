"""Moments of records, as text."""

from datetime import UTC, datetime
from functools import lru_cache

_MICROSECONDS = 1_000_000


def stamp(moment: int) -> str:
    """Return microseconds since 1970 as RFC 3339 in UTC."""
    second, rest = divmod(moment, _MICROSECONDS)
    return f"{_second(second)}.{rest:06d}Z"


@lru_cache(maxsize=64)  # neighbours on tape share their second
def _second(second: int) -> str:
    try:
        return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, ValueError, OSError):  # a spoiled frame
        return "1970-01-01T00:00:00"


@lru_cache(maxsize=64)
def second_bytes(second: int) -> bytes:
    """Return the part of ``stamp`` before the point, of seconds since 1970, as ASCII."""
    return _second(second).encode("ascii")
