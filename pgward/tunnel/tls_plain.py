"""TLS towards PostgreSQL, where a relay expects a plain socket."""

import socket
import ssl
from collections.abc import Callable
from functools import partial

from pgward.tunnel.relay import BUFFER_SIZE, RECORD_SIZE
from pgward.tunnel.tls import TlsConnection

# PostgreSQL writes its buffer of 8 KiB as one record; behind a shorter one nothing waits.
FULL_RECORD = 8 * 1024


class TlsPlain:
    """A TLS connection to PostgreSQL that behaves like a non-blocking socket.

    ``read_record`` and ``write`` are the hot path's: the SSL object's own, which raise what that
    does.
    """

    __slots__ = ("_read", "_socket", "read_record", "write")

    def __init__(self, tls: TlsConnection) -> None:
        self._socket = tls.socket
        self._read = tls.read_into
        self.read_record: Callable[[bytearray | memoryview], int] = partial(
            tls.read_into, BUFFER_SIZE
        )
        # All or nothing; what was refused must be offered again as it was (SSL_write).
        self.write = tls.write

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._socket.fileno()

    def recv_into(self, buffer: bytearray | memoryview, /) -> int:
        """Read records while they are full and there is room for one more."""
        try:
            size = self.read_record(buffer)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except ssl.SSLZeroReturnError:
            return 0
        return self.read_on(buffer, size) if size >= FULL_RECORD else size

    def read_on(self, buffer: bytearray | memoryview, size: int) -> int:
        """Read more behind a full record of this size; return how much there is then."""
        view, last = memoryview(buffer), size
        while last >= FULL_RECORD and size <= BUFFER_SIZE - RECORD_SIZE:
            try:
                last = self._read(RECORD_SIZE, view[size:])
            except OSError:  # nothing more is here; what broke, the next read hears of as well
                break
            size += last
        return size

    def send(self, data: bytes | memoryview, /) -> int:
        """Write as ``write`` does."""
        try:
            return self.write(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            raise BlockingIOError from None

    def shutdown(self, how: int, /) -> None:
        """End a direction of TCP below TLS: PostgreSQL takes it for the client's end."""
        socket.socket.shutdown(self._socket, how)
