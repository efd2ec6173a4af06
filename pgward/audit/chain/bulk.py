"""Whether lines are a chain: told of many at once, in two thirds of the time of one by one.

What is the same in each line is compared as one text, and most of what is left is the hashing.
``pgward.audit.chain.lines`` says how a line is made, and which one is at fault if any is.
"""

import struct
from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

KEY: Final = b',"hash":"'
END: Final = b'"}'
HASH_LETTERS: Final = 43
TAIL: Final = len(KEY) + HASH_LETTERS + len(END)
URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_BODY = slice(None, -TAIL)
_TAIL = slice(-TAIL, None)
_FRONT: Final = b'{"seq":%d,'
_FRONT_BYTES: Final = len(_FRONT) - 2  # without the number


def end_of(lines: Sequence[bytes], seq: int, digest: bytes) -> bytes | None:
    """Return the hash of the last of lines that follow number ``seq`` with the hash ``digest``.

    None when any is not as it must be.
    """
    if not lines:
        return digest
    digests, start = list[bytes](), sha256()
    add, copy, body = digests.append, start.copy, _BODY  # each counts, a million times
    for line in lines:
        made = copy()
        made.update(digest + line[body] + b"}")
        digest = made.digest()
        add(digest)
    whole = _have_numbers(lines, seq + 1) and _have_hashes(lines, digests)
    return digest if whole else None


def _have_hashes(lines: Sequence[bytes], digests: Sequence[bytes]) -> bool:
    """Tell whether each line ends with its hash; what is shorter makes the whole shorter."""
    # A 33rd byte makes 44 letters of each digest, of which the 43 first are the digest's.
    letters = b2a_base64(b"\0".join([*digests, b""]), newline=False).translate(URL_SAFE)
    hashes = struct.unpack(f"{HASH_LETTERS}sx" * len(digests), letters)
    expected = (KEY + b"%b" + END) * len(digests) % hashes
    return b"".join([line[_TAIL] for line in lines]) == expected


def _have_numbers(lines: Sequence[bytes], first: int) -> bool:
    """Tell whether lines have the numbers from ``first`` on, in front."""
    at = 0
    while at < len(lines):
        digits = len(str(first + at))
        some = lines[at : at + 10**digits - first - at]  # those with as many digits
        numbers = tuple(range(first + at, first + at + len(some)))
        front = slice(None, _FRONT_BYTES + digits)
        if b"".join([line[front] for line in some]) != _FRONT * len(some) % numbers:
            return False
        at += len(some)
    return True
