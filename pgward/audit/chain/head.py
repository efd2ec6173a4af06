"""Heads: how far a chain goes, and where it begins."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Self

from pgward.pki import jws

HASH_BYTES: Final = 32

_ORIGIN: Final = b"pgward audit chain 1\n"
_CHAIN: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes: the number and the hash (32 bytes) of its last line."""

    chain: str
    seq: int
    hash: bytes

    @classmethod
    def origin(cls, chain: str) -> Self:
        """Return where a chain stands before its first line; it has 16 hex letters as its name.

        Raises ValueError.
        """
        if not _CHAIN.fullmatch(chain):
            raise ValueError("a chain's identifier has 16 hex letters")
        return cls(chain, 0, sha256(_ORIGIN + chain.encode("ascii")).digest())

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote; raise ValueError."""
        chain, seq, text = data.get("chain"), data.get("seq"), data.get("hash")
        if not isinstance(chain, str) or not _CHAIN.fullmatch(chain):
            raise ValueError("a chain's identifier has 16 hex letters")
        if not isinstance(seq, int) or isinstance(seq, bool) or seq < 0:
            raise ValueError("a line's number is not negative")
        return cls(chain, seq, read_hash(text))

    def to_json(self) -> dict[str, Any]:
        """Write it as ``chain``, ``seq`` and ``hash`` (base64url)."""
        return {"chain": self.chain, "seq": self.seq, "hash": jws.encode(self.hash)}


def read_hash(text: object) -> bytes:
    """Read a hash of 32 bytes from base64url; raise ValueError."""
    value = jws.decode(text) if isinstance(text, str) else b""
    if len(value) != HASH_BYTES:
        raise ValueError("a hash has 32 bytes in base64url")
    return value
