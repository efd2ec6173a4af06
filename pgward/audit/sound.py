"""Records as whoever computes with them or shows them may take them. Pure.

An edge writes its records as docs/reference/audit-records.md has them; one that was taken over may
write anything, and must not keep anybody from reading what it wrote.
"""

from collections.abc import Mapping
from typing import Any, Final

_NUMBERS: Final = ("statement", "rows", "bytes", "duration_us", "text_bytes", "piece", "function")
_MOST: Final = 2**63 - 1


def sound(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record without those of its fields that are not what they should be."""
    return {name: value for name, value in record.items() if _is_sound(name, value)}


def _is_sound(name: str, value: object) -> bool:
    if name in _NUMBERS:
        return type(value) is int and 0 <= value <= _MOST
    if name == "commands":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if name == "parameters":
        return isinstance(value, list)
    return name != "details" or isinstance(value, dict)
