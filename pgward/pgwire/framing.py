"""Messages in a stream: one type byte, a length that counts itself but not the type, a body."""

from pgward.pgwire.body import UINT32
from pgward.pgwire.errors import WireError

HEADER = 5
MOST = 64 * 1024
_LEAST_LENGTH = 4


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Return a message of a type."""
    return kind + UINT32.pack(len(body) + 4) + body


class Framer:
    """Takes messages out of bytes as they come; ``most`` is the longest length that is taken."""

    def __init__(self, most: int = MOST) -> None:
        self._data = bytearray()
        self._most = most

    def feed(self, data: bytes) -> None:
        """Add what came."""
        self._data += data

    def next(self) -> tuple[bytes, bytes] | None:
        """Return type and body of the next message, None when more has to come.

        Raises WireError as soon as a length shows that this is no message, or one too long.
        """
        data = self._data
        if len(data) < HEADER:
            return None
        length: int = UINT32.unpack_from(data, 1)[0]
        if length < _LEAST_LENGTH:
            raise WireError("what came is no PostgreSQL message: its length is below four")
        if length > self._most:
            raise WireError(
                f"what came is no PostgreSQL message, or one of more than {self._most} bytes"
            )
        end = length + 1
        if len(data) < end:
            return None
        found = bytes(data[:1]), bytes(data[HEADER:end])
        del data[:end]  # CPython moves the beginning, not the bytes
        return found

    def rest(self) -> bytes:
        """Return what came and is in no message yet, and forget it."""
        rest = bytes(self._data)
        self._data.clear()
        return rest
