"""JSON that means one thing to every reader (RFC 8259, and RFC 7493 where that leaves a choice).

Which of two members with one name counts is each parser's own choice: what was checked must be
what is done.
"""

import json
from typing import Any

MAX_DEPTH = 32


def loads(data: bytes) -> Any:
    """Read UTF-8; ValueError for a member twice, NaN, a lone surrogate, or too many levels."""
    text = data.decode("utf-8")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any) -> None:
    """Look at every text, and at how deep it stands."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return
        for each in level:
            if isinstance(each, str):
                each.encode()  # UnicodeEncodeError is a ValueError
        level = [inner for each in level for inner in _inside(each)]
    raise ValueError("it is nested too deeply")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []
