"""TLS 1.3 for links and for clients that come straight to an edge.

``TlsConnection`` binds the SSL object's own ``read`` and ``write``: the public methods of
``ssl.SSLSocket`` cost a tenth of the relay's whole time. They are the fallback where an
interpreter has no such attribute; nowhere else is ``_sslobj`` touched.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pgward.core.errors import LoginNeededError, PgwardError, UnavailableError
from pgward.tunnel.preface import ALPN, PrefaceError, Reason, RefusedError

T = TypeVar("T")

POSTGRESQL_ALPN = "postgresql"
LINGER_SECONDS = 1.0
_DISCARDED = 16 * 1024

# Of a certificate that is none of the edge's CA, a renewal gives another if that CA was replaced
# meanwhile, and else only a new login.
_LOGIN = "pgward login, at the CA of this edge"
_ALERTS = {
    "CERTIFICATE_EXPIRED": (Reason.EXPIRED, "your certificate has expired", None),
    "CERTIFICATE_REVOKED": (Reason.REVOKED, "your certificate is revoked", None),
    "UNKNOWN_CA": (Reason.EXPIRED, "the edge does not know the CA of your certificate", _LOGIN),
    "CERTIFICATE_REQUIRED": (Reason.DENIED, "the edge wants a login certificate", _LOGIN),
    "BAD_CERTIFICATE": (Reason.DENIED, "the edge did not accept your certificate", _LOGIN),
    "UNSUPPORTED_CERTIFICATE": (Reason.DENIED, "that certificate is no login certificate", _LOGIN),
}


class TlsConnection:
    """A non-blocking TLS socket whose handshake is done, with its fast methods bound."""

    __slots__ = ("pending", "read_into", "socket", "write")

    def __init__(self, wrapped: ssl.SSLSocket) -> None:
        self.socket = wrapped
        fast: Any = getattr(wrapped, "_sslobj", None)
        self.read_into: Callable[[int, Any], int] = (
            fast.read if fast is not None else lambda size, into: wrapped.recv_into(into, size)
        )
        self.write: Callable[[Any], int] = fast.write if fast is not None else wrapped.send
        self.pending: Callable[[], int] = wrapped.pending

    def fileno(self) -> int:
        """Return the file descriptor, -1 once closed."""
        return self.socket.fileno()

    def close(self, *, notify: bool = True) -> None:
        """Close; with ``notify`` tell the peer by a close_notify if it can be sent at once."""
        if notify and self.socket.fileno() != -1:
            say_goodbye(self.socket)
        self.socket.close()


class EdgeSocket(ssl.SSLSocket):
    """A server-side socket that remembers which name the client asked for (RFC 6066)."""

    sni: str | None = None


def _remember_sni(wrapped: ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
    if isinstance(wrapped, EdgeSocket):
        wrapped.sni = name


def edge_context(
    certificate: Path, key: Path, user_roots: str, *, guests: bool = False
) -> ssl.SSLContext:
    """Make an edge's context: it asks every client for a login certificate.

    With ``guests`` a client may have none, and proves inside who it is. Session tickets are off: a
    resumed session would let a client of a removed CA in.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(cadata=user_roots)
    context.verify_mode = ssl.CERT_OPTIONAL if guests else ssl.CERT_REQUIRED
    context.set_alpn_protocols([ALPN, POSTGRESQL_ALPN])
    context.sslsocket_class = EdgeSocket
    context.sni_callback = _remember_sni  # type: ignore[assignment] # it gets the SSLSocket
    return context


def tunnel_context(certificate: Path, key: Path, server_roots: Path) -> ssl.SSLContext:
    """Make a tunnel's context: it checks the edge's chain and name, and shows the login.

    Raises LoginNeededError when the files are damaged, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cafile=server_roots)
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise LoginNeededError(
            f"the login certificate, its key or the CA bundle in {certificate.parent} is damaged"
        ) from error
    context.set_alpn_protocols([ALPN])
    return context


def tune(sock: socket.socket) -> None:
    """Send small messages at once, and notice a peer that is gone (15 s, then 4 times 5 s)."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def handshake(
    sock: socket.socket,
    context: ssl.SSLContext,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
) -> TlsConnection:
    """Do the TLS handshake on a tuned socket; raise ssl.SSLError or OSError, closing it.

    On failure the alert that OpenSSL wrote reaches the peer before the socket closes.
    """
    try:
        sock.getpeername()  # of a peer that is gone wrap_socket would leave half an object
        wrapped = context.wrap_socket(
            sock,
            server_side=server_side,
            server_hostname=server_hostname,
            do_handshake_on_connect=False,
        )
    except BaseException:  # it was handed over: nobody else closes it, whatever happened
        sock.close()
        raise
    try:
        await _until_ready(wrapped, wrapped.do_handshake)
    except ssl.SSLError:
        await close_heard(wrapped)
        raise
    except BaseException:  # also when the handshake's task is cancelled
        wrapped.close()
        raise
    return TlsConnection(wrapped)


async def close_heard(sock: socket.socket) -> None:
    """Close once the peer could read our last words.

    A socket that closes with unread bytes resets the connection (RFC 1122 section 4.2.2.13),
    and what we said may be lost: so what the peer still sends is taken until it ends.
    """
    try:
        if isinstance(sock, ssl.SSLSocket):
            say_goodbye(sock)
        sock.shutdown(socket.SHUT_WR)  # on an SSLSocket it also ends TLS: recv is plain then
        async with asyncio.timeout(LINGER_SECONDS):
            while True:
                await ready(sock, read=True)
                if not sock.recv(_DISCARDED):
                    return
    except (OSError, TimeoutError):
        return  # it is gone, or will not stop
    finally:
        sock.close()


def say_goodbye(wrapped: ssl.SSLSocket) -> None:
    """Send a close_notify if it can be sent at once."""
    with contextlib.suppress(ssl.SSLError, OSError, ValueError):
        wrapped.unwrap()


async def read_line(tls: TlsConnection, limit: int) -> bytes:
    """Read one record that is a line of at most ``limit`` bytes; raise PrefaceError."""
    line = await read_some(tls, limit + 1)
    if not line:
        raise PrefaceError("the peer closed before the preface")
    return line


async def read_some(tls: TlsConnection, most: int) -> bytes:
    """Return at most ``most`` bytes of one record, none at the end; raise OSError."""
    buffer = bytearray(most)
    try:
        size = await _until_ready(tls.socket, lambda: tls.read_into(most, buffer))
    except ssl.SSLZeroReturnError:
        size = 0
    return bytes(buffer[:size])


async def write_all(tls: TlsConnection, data: bytes) -> None:
    """Write all of it; raise OSError."""
    await _until_ready(tls.socket, lambda: tls.write(data))


def explain(error: ssl.SSLError | OSError, edge: str) -> PgwardError:
    """Say what a failed handshake or first read means to the person at the tunnel."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnavailableError(
            f"the edge {edge} did not prove who it is: {error.verify_message}",
            hint="pgward services shows the edges; tell an administrator",
        )
    text = str(getattr(error, "reason", None) or error)
    for alert, (reason, message, hint) in _ALERTS.items():
        if text.endswith(alert):
            return RefusedError(reason, message, hint=hint)
    return UnavailableError(
        f"no connection to the edge {edge}: {error.strerror or text}",
        hint="is the edge running, and its address reachable from here?",
    )


async def _until_ready(wrapped: ssl.SSLSocket, attempt: Callable[[], T]) -> T:
    while True:
        try:
            return attempt()
        except ssl.SSLWantReadError:
            await ready(wrapped, read=True)
        except ssl.SSLWantWriteError:
            await ready(wrapped, read=False)


class Descriptor(Protocol):
    """What has a file descriptor."""

    def fileno(self) -> int:
        """Return it."""
        ...


async def ready(sock: Descriptor, *, read: bool) -> None:
    """Wait until a socket can be read, or written."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    add, remove = (
        (loop.add_reader, loop.remove_reader) if read else (loop.add_writer, loop.remove_writer)
    )
    fd = sock.fileno()
    add(fd, _resolve, future)
    try:
        await future
    finally:
        remove(fd)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
