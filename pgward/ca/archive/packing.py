"""An object of the archive: a chunk as its edge sent it, behind the manifest that goes with it.

The manifest stands in a skippable frame of zstd (RFC 8878 section 3.1.2), so that an object
tells by itself what it is, and ``zstd -dc OBJECT`` still shows the lines.
"""

from typing import Final

from pgward.audit.chain.manifest import MOST_BYTES
from pgward.core.errors import PgwardError

_MAGIC: Final = bytes.fromhex("5b2a4d18")  # 0x184D2A5B, little-endian
_HEADER: Final = 8
_PARTS: Final = 3  # of a key: edge, chain, and the chunk's own name

CHUNKS: Final = "audit/"
"""What the keys of all chunks begin with."""


class DamagedObjectError(PgwardError):
    """An object of the archive is not what was stored."""

    code = "damaged"


def pack(manifest: str, chunk: bytes) -> bytes:
    """Return an object's bytes."""
    text = manifest.encode("ascii")
    return b"".join([_MAGIC, len(text).to_bytes(4, "little"), text, chunk])


def unpack(data: bytes) -> tuple[str, bytes]:
    """Return manifest and chunk; raise DamagedObjectError."""
    size = int.from_bytes(data[4:_HEADER], "little")
    text = data[_HEADER : _HEADER + size]
    if data[:4] != _MAGIC or size > MOST_BYTES or len(text) != size or not text.isascii():
        raise DamagedObjectError("an object of the archive has no manifest")
    return text.decode("ascii"), data[_HEADER + size :]


def key(edge: str, chain: str, first_seq: int, sha256: str) -> str:
    """Return the key of a chunk: in the order of the chain, and never that of another chunk."""
    return f"{chunks_from(edge, chain, first_seq)}{sha256[:16]}.zst"


def chunks_from(edge: str, chain: str, first_seq: int) -> str:
    """Return what the keys of chunks begin with whose first line is this one."""
    return f"{chunks_of(edge, chain)}{first_seq:018d}-"


def chunks_of(edge: str, chain: str) -> str:
    """Return what the keys of a chain's chunks begin with."""
    return f"{CHUNKS}{edge}/{chain}/"


def chain_of(key: str) -> tuple[str, str] | None:
    """Return edge and chain of a chunk's key; None for what is none."""
    parts = key.removeprefix(CHUNKS).split("/")
    if not key.startswith(CHUNKS) or len(parts) != _PARTS:
        return None
    return parts[0], parts[1]
