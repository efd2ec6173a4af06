"""Look at a server from outside: which certificate it presents, and whom it refuses.

What is asked and answered: PostgreSQL manual, chapters 53.2.10 (SSLRequest), 53.7 and 53.8.
"""

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pgward.client.duties import PROBE_SUBJECT
from pgward.core.errors import PgwardError, UnavailableError

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_PROTOCOL = 196608
_MAX_ANSWER = 64 * 1024
_TIMEOUT = 10.0
_ALERT_SECONDS = 0.5
INVALID_AUTHORIZATION = "28000"


Dial = Callable[[str, int, float], socket.socket]
"""Connects to a host and port, with a timeout; raises OSError."""


def _dial(host: str, port: int, timeout: float) -> socket.socket:
    return socket.create_connection((host, port), timeout=timeout)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a connection without a client certificate got: an error's code, or none.

    ``code`` is None when the server went on to authenticate, by a password or not at all.
    """

    code: str | None
    message: str

    @property
    def refused(self) -> bool:
        """Whether the server refused it for want of authorization."""
        return self.code == INVALID_AUTHORIZATION


def presented(host: str, port: int, *, dial: Dial = _dial) -> bytes:
    """Return the leaf certificate (DER) that the server presents; raise UnavailableError."""
    with _connected(host, port, dial=dial) as secured:
        return secured.getpeercert(binary_form=True) or b""


def without_certificate(
    host: str, port: int, user: str, database: str, *, dial: Dial = _dial
) -> Answer:
    """Try to log in over TLS without a client certificate; raise UnavailableError."""
    with _connected(host, port, dial=dial) as secured:
        secured.sendall(_startup(user, database))
        kind, answer = _message(secured)
    if kind != b"E":
        return Answer(None, "the server went on to authenticate")
    parts = {part[:1]: part[1:].decode("utf-8", "replace") for part in answer.split(b"\0") if part}
    return Answer(parts.get(b"C", ""), parts.get(b"M", ""))


class NotTrustedError(PgwardError):
    """The server refused a client certificate in TLS, before it looked at who it names."""


def with_certificate(host: str, port: int, chain_and_key: Path, *, dial: Dial = _dial) -> None:
    """See that TLS lets a client certificate in: any PostgreSQL message after it shows that.

    Raises NotTrustedError for a TLS alert, UnavailableError when there is no telling. TLS 1.3
    tells a client of its certificate's refusal only after the handshake (RFC 8446 section 4.4),
    and what is sent before the alert was read may lose it.
    """
    try:
        with _connected(host, port, chain_and_key, dial=dial) as secured:
            _wait_for_alert(secured)
            secured.sendall(_startup(PROBE_SUBJECT, "postgres"))
            _message(secured)
    except UnavailableError as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise NotTrustedError(_alert(error.__cause__)) from error
        raise


def _wait_for_alert(secured: ssl.SSLSocket) -> None:
    secured.settimeout(_ALERT_SECONDS)
    try:
        said = secured.recv(1)
    except TimeoutError:
        secured.settimeout(_TIMEOUT)
        return
    if not said:
        raise NotTrustedError("it ended the connection after the handshake")


def _alert(error: ssl.SSLError) -> str:
    """Return an alert's name (RFC 8446 section 6.2) from OpenSSL's words for it."""
    text = str(error.reason or error)
    return text.rpartition("ALERT_")[2].lower().replace("_", " ")


def _startup(user: str, database: str) -> bytes:
    fields = (
        b"user",
        user.encode(),
        b"database",
        database.encode(),
        b"application_name",
        b"pgward",
    )
    body = struct.pack("!I", _PROTOCOL) + b"\0".join(fields) + b"\0\0"
    return struct.pack("!I", len(body) + 4) + body


@contextlib.contextmanager
def _connected(
    host: str, port: int, chain_and_key: Path | None = None, *, dial: Dial
) -> Iterator[ssl.SSLSocket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the certificate itself is compared, byte by byte
    if chain_and_key is not None:
        context.load_cert_chain(chain_and_key)
    try:
        with dial(host, port, _TIMEOUT) as plain:
            plain.sendall(_SSL_REQUEST)
            if plain.recv(1) != b"S":
                raise UnavailableError(f"PostgreSQL at {host}:{port} does not speak TLS")
            with context.wrap_socket(plain) as secured:
                yield secured
    except OSError as error:
        raise UnavailableError(f"PostgreSQL at {host}:{port} cannot be reached: {error}") from error


def _message(secured: ssl.SSLSocket) -> tuple[bytes, bytes]:
    kind = _exactly(secured, 1)
    (length,) = struct.unpack("!I", _exactly(secured, 4))
    if not 4 <= length <= _MAX_ANSWER:  # noqa: PLR2004 - the length counts its own four bytes
        raise UnavailableError("the server's answer is no PostgreSQL message")
    return kind, _exactly(secured, length - 4)


def _exactly(secured: ssl.SSLSocket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = secured.recv(count - len(data))
        if not more:
            raise UnavailableError("the server closed the connection without an answer")
        data += more
    return data
