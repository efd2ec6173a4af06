"""Look at a server from outside: which certificate it presents, and whom it refuses."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pgward.client.duties import PROBE_SUBJECT
from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.login.link import EndedError, Link, Tls, secured
from pgward.hba.login.messages import Messages, beginning
from pgward.hba.login.outcome import Encryption, Outcome
from pgward.pgwire import backend
from pgward.pgwire.errors import WireError

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


class NotTrustedError(PgwardError):
    """The server refused a client certificate in TLS, before it looked at who it names."""


def presented(host: str, port: int, *, dial: Dial = _dial) -> bytes:
    """Return the leaf certificate (DER) that the server presents; raise UnavailableError."""
    with _secured(host, port, None, dial) as tls:
        return tls.certificate


def without_certificate(
    host: str, port: int, user: str, database: str, *, dial: Dial = _dial
) -> Answer:
    """Try to log in over TLS without a client certificate; raise UnavailableError."""
    with _secured(host, port, None, dial) as tls:
        tls.send(beginning(user, database))
        kind, body = Messages(tls).next()
    if kind != backend.ERROR:
        return Answer(None, "the server went on to authenticate")
    fields = backend.read_fields(body)
    return Answer(fields.get("C", ""), fields.get("M", ""))


def with_certificate(host: str, port: int, chain_and_key: Path, *, dial: Dial = _dial) -> None:
    """See that TLS lets a client certificate in: any PostgreSQL message after it shows that.

    Raises NotTrustedError for a TLS alert, UnavailableError when there is no telling. TLS 1.3
    tells a client of its certificate's refusal only after the handshake (RFC 8446 section 4.4),
    and what is sent before the alert was read may lose it.
    """
    with _secured(host, port, _File(chain_and_key), dial) as tls:
        tls.listen(_ALERT_SECONDS)
        tls.send(beginning(PROBE_SUBJECT, "postgres"))
        Messages(tls).next()


@dataclass(frozen=True, slots=True)
class _File:
    """A chain and its key in one file."""

    path: Path

    def put_into(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(self.path)


@contextlib.contextmanager
def _secured(host: str, port: int, shown: _File | None, dial: Dial) -> Iterator[Tls]:
    where = f"PostgreSQL at {host}:{port}"
    try:
        with dial(host, port, _TIMEOUT) as plain:
            yield secured(Link(plain, _TIMEOUT), Encryption.TLS, shown)
    except EndedError as ended:
        if shown is not None and ended.seen.outcome is Outcome.TLS_REFUSED:
            raise NotTrustedError(ended.seen.detail) from ended
        raise UnavailableError(f"{where}: {ended.seen.detail}") from ended
    except (OSError, WireError) as error:
        raise UnavailableError(f"{where} cannot be reached: {error}") from error
