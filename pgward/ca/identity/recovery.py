"""Recovery codes: a few, on paper, for the day when the phone is gone. Each works once.

A code has 80 random bits, so a plain hash of it is as hard to undo as a slow one, and a guess
online is hopeless. The hash names its owner: a row that is copied to another person is no good.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

COUNT = 10
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32: no i, l, o, u
_MISREAD = str.maketrans({"i": "1", "l": "1", "o": "0"})
_LENGTH = 16  # letters of 5 bits
_GROUP = 4


def new_codes(count: int = COUNT) -> list[str]:
    """Return new codes as people see them: ``4n7k-…`` in four groups of four."""
    return [
        _grouped("".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))) for _ in range(count)
    ]


def plain(code: str) -> str | None:
    """Return a typed code without what reading and typing add; None when it cannot be one."""
    letters = "".join(code.split()).replace("-", "").lower().translate(_MISREAD)
    is_one = len(letters) == _LENGTH and set(letters) <= set(_LETTERS)
    return letters if is_one else None


def hash_of(user: str, code: str) -> bytes | None:
    """Return what is stored of a person's code; None when it cannot be one."""
    letters = plain(code)
    if letters is None:
        return None
    return hashlib.sha256(f"pgward recovery code\0{user}\0{letters}".encode()).digest()


def matching(stored: Iterable[bytes], user: str, code: str) -> bytes | None:
    """Return the stored hash that this code has, to be used up; None when it is wrong."""
    wanted = hash_of(user, code)
    found: bytes | None = None
    for each in stored:
        if wanted is not None and hmac.compare_digest(each, wanted):
            found = each
    return found


def _grouped(letters: str) -> str:
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))
