"""Pieces on their way and at rest: compressed, then encrypted for the CA."""

from typing import Final

import zstandard

from pgward.audit.recording.pieces import PieceError
from pgward.pki.age_keys import Identity, Recipient

MOST_PLAIN: Final = 64 * 1024 * 1024
_LEVEL: Final = 3
_WINDOW: Final = 8 * 1024 * 1024


def seal(plain: bytes, recipient: str) -> bytes:
    """Return the lines of a piece, compressed and encrypted for an age recipient."""
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(plain)
    return Recipient.parse(recipient).encrypt(packed)


def unseal(data: bytes, identity: Identity) -> bytes:
    """Return the lines of a piece; raise PieceError, AgeError."""
    packed = identity.decrypt(data)
    try:
        size = zstandard.get_frame_parameters(packed).content_size
        if not 0 < size <= MOST_PLAIN:
            raise PieceError("a piece of a recording unpacks to too much")
        unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        plain = unpacker.decompress(packed, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise PieceError("a piece of a recording cannot be unpacked") from error
    if len(plain) != size or not plain.endswith(b"\n"):
        raise PieceError("a piece of a recording is cut off")
    return plain
