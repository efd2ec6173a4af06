"""PostgreSQL's first messages over whatever carries them: TCP, or a link of an edge.

Blocking, and each read is bounded in time and size (manual, chapter 55.2 and 55.7).
"""

import ssl
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from pgward.core.errors import PgwardError
from pgward.tunnel.pgerror import SSL_REQUEST
from pgward.tunnel.preface import Controls, RefusedError

RECORD = 64 * 1024
_PROTOCOL_3_0 = 196608
_MOST = 1024 * 1024
_HEADER = 5


class WireError(PgwardError):
    """What came is not what PostgreSQL says."""

    code = "protocol"


class Transport(Protocol):
    """Carries bytes both ways."""

    def send(self, data: bytes) -> None:
        """Send all of it; raise OSError."""
        ...

    def receive(self) -> bytes:
        """Return what comes next, empty at the end; raise OSError, RefusedError."""
        ...


class Plain:
    """A socket, with or without TLS."""

    def __init__(self, sock: "_Socket") -> None:
        self._sock = sock

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._sock.sendall(data)

    def receive(self) -> bytes:
        """Return what comes next."""
        return self._sock.recv(RECORD)


class _Socket(Protocol):
    def sendall(self, data: bytes, /) -> None: ...

    def recv(self, size: int, /) -> bytes: ...


class LinkTransport:
    """A link of an edge, whose controls say why it ends."""

    def __init__(self, tls: ssl.SSLSocket, controls: Controls) -> None:
        self._tls = tls
        self._controls = controls

    def send(self, data: bytes) -> None:
        """Send a record."""
        self._tls.sendall(data)

    def receive(self) -> bytes:
        """Return the next record; raise RefusedError when the edge cuts."""
        record = self._tls.recv(RECORD)  # at most one record, so a control comes alone
        reason = self._controls.reason(record)
        if reason is not None:
            raise RefusedError(reason)
        return b"" if record == self._controls.end else record


class InnerTls:
    """TLS to PostgreSQL inside another transport."""

    def __init__(self, outer: Transport, context: ssl.SSLContext, name: str) -> None:
        self._outer = outer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=name)

    def handshake(self) -> None:
        """Do the handshake; raise ssl.SSLError, OSError, RefusedError."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._more()
            except ssl.SSLError:
                self._flush()  # the server hears the alert, too
                raise
            else:
                self._flush()
                return

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.tls.write(data)
        self._flush()

    def receive(self) -> bytes:
        """Return what comes next, empty at the end."""
        while True:
            try:
                return self.tls.read(RECORD)
            except ssl.SSLWantReadError:
                self._more()
            except ssl.SSLZeroReturnError:
                return b""

    def _more(self) -> None:
        data = self._outer.receive()
        if not data:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "unexpected eof while reading")
        self._in.write(data)

    def _flush(self) -> None:
        data = self._out.read()
        if data:
            self._outer.send(data)


@dataclass(frozen=True, slots=True)
class Answer:
    """What PostgreSQL said to a startup message."""

    authenticated: bool
    wants: str = ""
    error: str = ""
    sqlstate: str = ""
    version: str = ""


def ask_for_tls(transport: Transport) -> tuple[bool, str]:
    """Send an SSLRequest; return whether TLS comes, and the server's words when it refuses."""
    transport.send(SSL_REQUEST)
    answer = transport.receive()
    if answer == b"S":
        return True, ""
    if answer == b"N":
        return False, ""
    if answer[:1] == b"E":
        kind, body = next(_messages(transport, answer))
        return False, _error(body)["M"] if kind == b"E" else "an answer that makes no sense"
    if not answer:
        raise WireError("the connection ended before PostgreSQL answered")
    raise WireError("invalid response to SSL negotiation")


def start(transport: Transport, user: str, database: str) -> Answer:
    """Begin a database session as somebody, and end it as soon as it is known whether it may be."""
    fields = {"user": user, "database": database, "application_name": "pgward doctor"}
    body = b"".join(f"{key}\0{value}\0".encode() for key, value in fields.items()) + b"\0"
    transport.send(struct.pack("!II", len(body) + 8, _PROTOCOL_3_0) + body)
    authenticated, version = False, ""
    for kind, body in _messages(transport, b""):
        if kind == b"E":
            fields = _error(body)
            return Answer(authenticated, "", fields["M"], fields.get("C", ""), version)
        if kind == b"R":
            method = struct.unpack("!I", body[:4])[0] if len(body) >= 4 else -1  # noqa: PLR2004 - an Int32
            if method:
                return Answer(False, _METHODS.get(method, f"authentication method {method}"))
            authenticated = True
        if kind == b"S" and body.startswith(b"server_version\0"):
            version = body.split(b"\0")[1].decode("ascii", "replace")
        if kind == b"Z":
            transport.send(b"X\0\0\0\x04")
            return Answer(authenticated, version=version)
    raise WireError("the connection ended before PostgreSQL let anyone in")


_METHODS: Mapping[int, str] = {
    3: "a password in clear text",
    5: "a password (md5)",
    7: "Kerberos (gss)",
    9: "Kerberos (sspi)",
    10: "a password (scram-sha-256)",
}


def _messages(transport: Transport, received: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of each message until the server ends."""
    total = len(received)
    while True:
        while len(received) >= _HEADER:
            length = struct.unpack("!I", received[1:_HEADER])[0]
            if not 4 <= length <= _MOST:  # noqa: PLR2004 - it counts itself
                raise WireError("what answers is no PostgreSQL")
            if len(received) < length + 1:
                break
            yield received[:1], received[_HEADER : length + 1]
            received = received[length + 1 :]
        more = transport.receive()
        total += len(more)
        if not more:
            return
        if total > _MOST:
            raise WireError("PostgreSQL said too much")
        received += more


def _error(body: bytes) -> dict[str, str]:
    """Read an ErrorResponse's fields; ``M`` is always there."""
    fields = {"M": "an error without words"}
    for part in body.split(b"\0"):
        if part:
            fields[chr(part[0])] = part[1:].decode("utf-8", "replace")
    return fields
