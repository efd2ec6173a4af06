"""A connection with one deadline, to where a server listens; and TLS over it, with its alerts.

TLS runs over buffers of our own: with TLS 1.3 a server refuses a certificate after the handshake
(RFC 8446 section 4.4), and its alert must be read even where the connection was reset meanwhile.
"""

import contextlib
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pgward.core.errors import UnavailableError
from pgward.hba.login.outcome import Encryption, Outcome, Seen
from pgward.pgwire import binding, startup

SECONDS = 10.0
_CHUNK = 16 * 1024
_MOST_HEARD = 64 * 1024
_ALPN = "postgresql"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a server listens: an address and a port, or the path of a Unix socket.

    ``source`` is the client's address, which is chosen so that the files can be asked about it.
    """

    address: str | None
    port: int = 0
    path: str = ""
    source: str = ""

    def __str__(self) -> str:
        return "local" if self.address is None else self.address


class Presents(Protocol):
    """Something that a client shows in TLS."""

    def put_into(self, context: ssl.SSLContext) -> None:
        """Have a client show it."""
        ...


class EndedError(Exception):
    """It ended before PostgreSQL's own protocol began."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen


class Link:
    """A plain connection with one deadline for all that is waited for."""

    def __init__(self, plain: socket.socket, seconds: float) -> None:
        self._plain = plain
        self.extend(seconds)

    def extend(self, seconds: float) -> None:
        """Begin a new deadline."""
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def send(self, data: bytes) -> None:
        """Send all of it, unless the other end is gone."""
        self._plain.settimeout(self._left())
        # Whoever is gone may have said why before: what it said is read next.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._plain.sendall(data)

    def receive(self) -> bytes:
        """Return what came, nothing at the end."""
        self._plain.settimeout(self._left())
        try:
            return self._plain.recv(_CHUNK)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        """End the connection."""
        self._plain.close()

    def listen(self, seconds: float) -> None:
        """Wait for nothing: without TLS the client speaks first."""

    def binding(self) -> bytes | None:
        """Return what a password could be bound to: nothing, without TLS."""
        return None

    def readable(self, seconds: float) -> bytes:
        """Return what comes in that time, if anything does."""
        self._plain.settimeout(min(seconds, self._left()))
        try:
            return self._plain.recv(_CHUNK)
        except (TimeoutError, ConnectionResetError):
            return b""

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"it did not end within {self._seconds:g} seconds")
        return left


class Tls:
    """TLS over a link; alerts come out as EndedError. ``heard`` is what came first, as it came."""

    def __init__(self, link: Link, context: ssl.SSLContext) -> None:
        self._link = link
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._end = context.wrap_bio(self._in, self._out)
        self.heard = b""

    def handshake(self) -> None:
        """Do the handshake."""
        self._drive(self._end.do_handshake)

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._drive(lambda: self._end.write(data))

    def receive(self) -> bytes:
        """Return what came; raise UnavailableError at the end."""
        return self._drive(lambda: self._end.read(_CHUNK))

    @property
    def certificate(self) -> bytes:
        """The certificate that the server presented, in DER."""
        return self._end.getpeercert(binary_form=True) or b""

    def binding(self) -> bytes | None:
        """Return what a password is bound to here, if the server's certificate has it."""
        return binding.end_point(self.certificate)

    def listen(self, seconds: float) -> None:
        """Wait for an alert that may come behind the handshake."""
        if seconds and (said := self._link.readable(seconds)):
            self._in.write(said)

    def _drive(self, act: Callable[[], T]) -> T:
        try:
            while True:
                try:
                    done = act()
                except ssl.SSLWantReadError:
                    self._flush()
                    self._take()
                else:
                    self._flush()
                    return done
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise UnavailableError("the server closed the connection without an answer") from None
        except ssl.SSLError as error:
            raise EndedError(self._told(error)) from error

    def _flush(self) -> None:
        if self._out.pending:
            self._link.send(self._out.read())

    def _take(self) -> None:
        said = self._link.receive()
        if said:
            self.heard = (self.heard + said)[:_MOST_HEARD]
            self._in.write(said)
        else:
            self._in.write_eof()

    def _told(self, error: ssl.SSLError) -> Seen:
        reason = str(error.reason or error)
        if not self.heard:
            return Seen(Outcome.NOT_TRIED, f"OpenSSL here does not speak it: {_words(reason)}")
        _, alert, name = reason.rpartition("ALERT_")
        if alert:
            return Seen(Outcome.TLS_REFUSED, _words(name))
        return Seen(Outcome.BROKEN, f"TLS failed: {_words(reason)}")


def _words(reason: str) -> str:
    return reason.lower().replace("_", " ")


@contextlib.contextmanager
def connected(target: Target, seconds: float | None = None) -> Iterator[Link]:
    """Connect; raise EndedError where nothing listens, OSError."""
    seconds = SECONDS if seconds is None else seconds
    family = socket.AF_UNIX
    where: object = target.path
    if target.address is not None:
        family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
        where = socket.getaddrinfo(target.address, target.port, type=socket.SOCK_STREAM)[0][4]
    with socket.socket(family) as plain:
        plain.settimeout(seconds)
        if target.source:
            plain.bind(socket.getaddrinfo(target.source, 0, type=socket.SOCK_STREAM)[0][4])
        try:
            plain.connect(where)  # type: ignore[arg-type]  # as the family wants it
        except (ConnectionRefusedError, FileNotFoundError, PermissionError) as error:
            said = (error.strerror or str(error)).lower()
            raise EndedError(Seen(Outcome.NOT_TRIED, f"cannot connect: {said}")) from error
        yield Link(plain, seconds)


def requested(link: Link) -> None:
    """Ask for TLS; raise EndedError when there is none, UnavailableError."""
    link.send(startup.ssl_request())
    answer = link.receive()
    if answer == b"N":
        raise EndedError(Seen(Outcome.NO_TLS, "the server does not offer TLS"))
    if answer != b"S":
        # More than one byte would have come in before TLS did (CVE-2021-23222).
        raise UnavailableError("the server's answer is none to a request for TLS")


def secured(link: Link, encryption: Encryption, shown: Presents | None) -> Tls:
    """Begin TLS; raise EndedError when there is none, OSError, UnavailableError."""
    if encryption is not Encryption.DIRECT:
        requested(link)
    made = Tls(link, _context(encryption, shown))
    made.handshake()
    return made


def _context(encryption: Encryption, shown: Presents | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # whom the server lets in is asked, not who it is
    if encryption is Encryption.DIRECT:
        context.set_alpn_protocols([_ALPN])
    if encryption.is_old:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        version = {Encryption.TLS_1_0: ssl.TLSVersion.TLSv1}.get(encryption, ssl.TLSVersion.TLSv1_1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
            context.minimum_version = context.maximum_version = version
    if shown is not None:
        shown.put_into(context)
    return context
