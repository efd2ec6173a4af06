"""Serial numbers of certificates: new ones, and as people write them."""

import re
from datetime import datetime

from pgward.core.errors import InvalidInputError

_WRITTEN = re.compile(r"(?:0x)?[0-9a-f]+(?::[0-9a-f]+)*")
_MAX_DIGITS = 40  # 20 octets (RFC 5280 section 4.1.2.2)
_FIRST = b"\x7f"  # positive, and above most of the numbers that were wholly random
_TIME_OCTETS = 6
RANDOM_OCTETS = 13


def new(now: datetime, random: bytes) -> int:
    """Return a serial number of 20 octets: the time in milliseconds, then 13 ``random`` octets.

    The latest is the largest, so an index over them grows at its end. What a serial number must
    not be is foreseen (CA/Browser Forum: 64 random bits), and here are 104.
    """
    if len(random) != RANDOM_OCTETS:
        raise ValueError(f"a serial number needs {RANDOM_OCTETS} random octets")
    milliseconds = int(now.timestamp() * 1000).to_bytes(_TIME_OCTETS)
    return int.from_bytes(_FIRST + milliseconds + random)


def normal(text: str) -> str:
    """Return a serial number in lower-case hex without leading zeros, as the store has it.

    Colons, leading zeros, ``0x`` and upper case are all right; InvalidInputError for the rest.
    """
    plain = text.strip().lower()
    digits = plain.removeprefix("0x").replace(":", "").lstrip("0")
    if not _WRITTEN.fullmatch(plain) or len(digits) > _MAX_DIGITS:
        raise InvalidInputError(
            f"{text[:100]!r} is no serial number", hint="hex digits, as `pgward ca list` shows them"
        )
    return digits or "0"
