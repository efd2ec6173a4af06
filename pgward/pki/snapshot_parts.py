"""The parts of a snapshot: texts that a signed list names by digest, so that they come once.

A *section* of a snapshot is a mapping by name, and comes in *buckets*, by the names' hashes: where
one thing changes, one bucket does. A part is the text of a bucket, and its digest is signed.
"""

import hashlib
import json
import zlib
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error
from collections.abc import Mapping
from typing import Any, Final

from pgward.pki.errors import SnapshotError

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one part, unpacked."""
NO_TAG: Final = "0" * 32
"""What an edge has that has no parts."""
_BUCKETS = 64
_FAST = 1  # zlib's level: a third of the time, and a tenth more room


def bucketed(section: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Divide a section; names are in the same bucket whoever else is there."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in section.items():
        found.setdefault(bucket_of(name), {})[name] = value
    return found


def bucket_of(name: str) -> str:
    """Return the bucket of a name: two hexadecimal digits."""
    return f"{hashlib.sha256(name.encode()).digest()[0] % _BUCKETS:02x}"


def pack(content: Mapping[str, Any]) -> str:
    """Return the text of a part: base64 of zlib's of JSON."""
    data = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    return b64encode(zlib.compress(data, _FAST)).decode("ascii")


def digest(text: str) -> str:
    """Return what names a part: the SHA-256 of its text in base64url."""
    data = hashlib.sha256(text.encode()).digest()
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def tag(content: object) -> str:
    """Return what tells a list of parts, and what stands beside it, from others."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[: len(NO_TAG)]


def unpack(text: str) -> dict[str, Any]:
    """Read the text of a part whose digest is right; raise SnapshotError."""
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(b64decode(text, validate=True), MOST_BYTES)
        found = json.loads(data) if inflater.eof else None
    except (Error, zlib.error, ValueError, RecursionError) as error:
        raise SnapshotError(f"a part of the snapshot cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise SnapshotError("a part of the snapshot is cut off, too long, or no object")
    return found
