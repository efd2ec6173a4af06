"""Numbers of rights as people write them: ``3``, ``5-9``; pure."""

import re
from collections.abc import Iterable

from pgward.core.errors import InvalidInputError

MOST = 500
_NUMBERS = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


def read(texts: Iterable[str]) -> list[int]:
    """Return the numbers in order, each once; raise InvalidInputError."""
    found: dict[int, None] = {}
    for text in texts:
        match = _NUMBERS.fullmatch(text)
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else 0
        if first < 1 or last < first:
            raise InvalidInputError(f"{text!r} is no number", hint="write 3, or 5-9")
        if last - first >= MOST or len(found) + last - first >= MOST:
            raise InvalidInputError(f"that is more than {MOST} rights at once")
        found |= dict.fromkeys(range(first, last + 1))
    return list(found)
