"""Serial numbers of certificates as people write them."""

import re

from pgward.core.errors import InvalidInputError

_WRITTEN = re.compile(r"(?:0x)?[0-9a-f]+(?::[0-9a-f]+)*")
_MAX_DIGITS = 40  # 20 octets (RFC 5280 section 4.1.2.2)


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
