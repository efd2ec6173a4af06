"""The tags of CommandComplete, as PostgreSQL tells what a command has done."""

from functools import lru_cache
from typing import Final

FORGETTING: Final = frozenset(
    {"CLOSE CURSOR", "CLOSE CURSOR ALL", "DEALLOCATE", "DEALLOCATE ALL", "DISCARD ALL"}
)
"""Tags of what makes prepared statements or portals forgotten."""

_MOST_DIGITS: Final = 19  # of 64 bits


@lru_cache(maxsize=1024)
def read_tag(tag: bytes) -> tuple[str, int]:
    """Return a tag, and the number of rows that it tells, -1 if none."""
    text = tag.decode("utf-8", "replace")
    number = text.rpartition(" ")[2]
    is_number = number.isdecimal() and len(number) <= _MOST_DIGITS
    return text, int(number) if is_number else -1
