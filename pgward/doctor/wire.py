"""PostgreSQL's first messages over whatever carries them: TCP, or a link of an edge.

Blocking, and each read is bounded in time and size (manual, chapter 55.2 and 55.7).
"""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from pgward.pgwire import backend, frontend, startup
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import Framer
from pgward.tunnel import preface
from pgward.tunnel.preface import Controls, PrefaceError, RefusedError

RECORD = 64 * 1024
_MOST = 1024 * 1024  # bytes of all that is said at a login


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
        if self._controls.is_why(record):
            raise _refusal(self._tls.recv(RECORD))
        reason = self._controls.reason(record)
        if reason is not None:
            raise RefusedError(reason)
        return b"" if record == self._controls.end else record


def _refusal(line: bytes) -> RefusedError:
    try:
        return preface.read_refusal(line)
    except PrefaceError as error:
        raise WireError(error.message) from error


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
    hint: str = ""


def ask_for_tls(transport: Transport) -> tuple[bool, str]:
    """Send an SSLRequest; return whether TLS comes, and the server's words when it refuses."""
    transport.send(startup.ssl_request())
    answer = transport.receive()
    if answer == b"S":
        return True, ""
    if answer == b"N":
        return False, ""
    if answer[:1] == backend.ERROR:
        kind, body = next(_messages(transport, answer))
        return False, _error(body)[
            "M"
        ] if kind == backend.ERROR else "an answer that makes no sense"
    if not answer:
        raise WireError("the connection ended before PostgreSQL answered")
    raise WireError("invalid response to SSL negotiation")


def start(
    transport: Transport, user: str, database: str, more: Mapping[str, str] = MappingProxyType({})
) -> Answer:
    """Begin a database session as somebody, and end it as soon as it is known whether it may be.

    ``more`` are further parameters of the startup message.
    """
    fields = {"user": user, "database": database, "application_name": "pgward doctor", **more}
    transport.send(startup.startup(fields))
    authenticated, version = False, ""
    for kind, body in _messages(transport, b""):
        if kind == backend.ERROR:
            fields = _error(body)
            return Answer(
                authenticated, "", fields["M"], fields.get("C", ""), version, fields.get("H", "")
            )
        if kind == backend.AUTHENTICATION:
            method, _ = backend.read_authentication(body)
            if method != backend.AUTH_OK:
                return Answer(False, _METHODS.get(method, f"authentication method {method}"))
            authenticated = True
        if kind == backend.PARAMETER_STATUS and body.startswith(b"server_version\0"):
            _, version = backend.read_parameter_status(body)
        if kind == backend.READY:
            transport.send(frontend.terminate())
            return Answer(authenticated, version=version)
    raise WireError("the connection ended before PostgreSQL let anyone in")


_METHODS: Mapping[int, str] = {
    backend.AUTH_CLEAR_TEXT: "a password in clear text",
    backend.AUTH_MD5: "a password (md5)",
    backend.AUTH_GSS: "Kerberos (gss)",
    backend.AUTH_SSPI: "Kerberos (sspi)",
    backend.AUTH_SASL: "a password (scram-sha-256)",
}


def _messages(transport: Transport, received: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of each message until the server ends."""
    framer = Framer()
    framer.feed(received)
    total = len(received)
    while True:
        yield from iter(framer.next, None)
        more = transport.receive()
        total += len(more)
        if not more:
            return
        if total > _MOST:
            raise WireError("PostgreSQL said too much")
        framer.feed(more)


def _error(body: bytes) -> dict[str, str]:
    """Read an ErrorResponse's fields; ``M`` is always there."""
    return {"M": "an error without words"} | backend.read_fields(body)
