"""A connection while the edge itself speaks on it: small messages, one end at a time."""

import socket
import ssl

from pgward.pgwire.demands import Tls
from pgward.tunnel.tls import TlsConnection, read_some, ready, write_all

_MOST = 16 * 1024


class Channel:
    """Sends and receives on a plain, non-blocking socket, or on TLS; owns it until ``release``."""

    def __init__(self, connection: socket.socket | TlsConnection) -> None:
        self.connection = connection

    @property
    def tls(self) -> TlsConnection | None:
        """The TLS connection, if it is one."""
        return self.connection if isinstance(self.connection, TlsConnection) else None

    @property
    def proves(self) -> Tls:
        """What the connection says of who is at its other end."""
        if self.tls is None:
            return "none"
        is_verified = self.tls.socket.context.verify_mode == ssl.CERT_REQUIRED
        return "verified" if is_verified else "unverified"

    def certificate(self) -> bytes | None:
        """Return the server's certificate (DER); None without TLS."""
        return None if self.tls is None else self.tls.socket.getpeercert(binary_form=True)

    async def send(self, data: bytes) -> None:
        """Send all of it; raise OSError or ssl.SSLError."""
        if isinstance(self.connection, TlsConnection):
            await write_all(self.connection, data)
            return
        view = memoryview(data)
        while view:
            try:
                view = view[self.connection.send(view) :]
            except BlockingIOError:
                await ready(self.connection, read=False)

    async def receive(self) -> bytes:
        """Return what came, nothing at the end; raise OSError or ssl.SSLError."""
        if isinstance(self.connection, TlsConnection):
            try:
                return await read_some(self.connection, _MOST)
            except ssl.SSLEOFError:  # it ended without a close_notify, as PostgreSQL does
                return b""
        while True:
            try:
                return self.connection.recv(_MOST)
            except BlockingIOError:
                await ready(self.connection, read=True)

    async def receive_byte(self) -> bytes:
        """Return one byte of a plain socket and no more: what is behind it may be TLS already."""
        if isinstance(self.connection, TlsConnection):
            raise TypeError("one byte of TLS is no answer to an SSLRequest")
        await ready(self.connection, read=True)
        return self.connection.recv(1)

    def close(self) -> None:
        """Close it."""
        self.connection.close()
