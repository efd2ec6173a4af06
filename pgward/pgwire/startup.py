"""The first packets of a connection, which have no type byte (manual, chapter 54.2.1 and 54.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pgward.pgwire.body import UINT32, Body, string
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message

MOST = 10_004  # bytes: PostgreSQL's MAX_STARTUP_PACKET_LENGTH, and the length itself
TLS_HANDSHAKE = 0x16  # the first byte of direct TLS, which is no packet of PostgreSQL
REQUEST_SIZE = 8  # bytes of SSLRequest and GSSENCRequest, and of what all packets begin with
MAJOR = 3
LATEST_MINOR = 2
LEAST_KEY, MOST_KEY = 4, 256  # bytes of a cancel key: 4 in 3.0, up to 256 from 3.2 on
OPTION = "_pq_."  # begins the name of an option of the protocol itself

_CANCEL, _SSL, _GSSENC = 80877102, 80877103, 80877104
_LENGTH = 4


@dataclass(frozen=True, slots=True)
class SslRequest:
    """A client asks for TLS: the answer is S or N, one byte."""

    size: int = REQUEST_SIZE


@dataclass(frozen=True, slots=True)
class GssencRequest:
    """A client asks for GSSAPI encryption: the answer is G or N, one byte."""

    size: int = REQUEST_SIZE


@dataclass(frozen=True, slots=True)
class Cancel:
    """A client asks that the query of another connection be cancelled: it gets no answer."""

    pid: int
    key: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many bytes it took."""
        return 12 + len(self.key)


@dataclass(frozen=True, slots=True)
class Startup:
    """A client begins a session; ``size`` is how many bytes it took."""

    major: int
    minor: int
    parameters: Mapping[str, str]
    size: int

    @property
    def user(self) -> str:
        """The role to log in as."""
        return self.parameters["user"]

    @property
    def database(self) -> str:
        """The database to connect to, which is by default named like the user."""
        return self.parameters.get("database") or self.user

    @property
    def options(self) -> tuple[str, ...]:
        """The names of the protocol's options that the client would like."""
        return tuple(name for name in self.parameters if name.startswith(OPTION))


First: TypeAlias = SslRequest | GssencRequest | Cancel | Startup


def read(data: bytes) -> First | None:
    """Return the packet that ``data`` begins with, None when more has to come.

    Raises WireError as soon as it can be none; its ``sqlstate`` is what PostgreSQL answers.
    """
    # A length of at most 10,004 begins with two zeros.
    if data[:2].strip(b"\0"):
        raise _no_packet(data)
    if len(data) < _LENGTH:
        return None
    length: int = UINT32.unpack_from(data)[0]
    if not REQUEST_SIZE <= length <= MOST:
        raise WireError(f"a startup packet of {length} bytes is none")
    if len(data) < length:
        return None
    packet = Body(bytes(data[_LENGTH:length]))
    code = packet.uint32()
    if code == _CANCEL:
        return _cancel(packet)
    if code in _REQUESTS:
        packet.end()
        return _REQUESTS[code]()
    return _startup(code, packet, length)


def is_cancel(head: bytes) -> bool:
    """Tell whether a packet that begins with these eight bytes asks to cancel something."""
    return len(head) >= REQUEST_SIZE and head[_LENGTH:REQUEST_SIZE] == UINT32.pack(_CANCEL)


_REQUESTS: Mapping[int, type[SslRequest] | type[GssencRequest]] = {
    _SSL: SslRequest,
    _GSSENC: GssencRequest,
}


def _no_packet(data: bytes) -> WireError:
    if data[0] == TLS_HANDSHAKE:
        return WireError("TLS begins where a startup packet is expected")
    return WireError("what came is no PostgreSQL startup packet")


def _cancel(packet: Body) -> Cancel:
    pid = packet.uint32()
    if not packet.left:
        raise WireError("a cancel request has no key")
    if not LEAST_KEY <= packet.left <= MOST_KEY:
        raise WireError(f"a cancel request has a key of {packet.left} bytes")
    return Cancel(pid, packet.rest())


def _startup(code: int, packet: Body, length: int) -> Startup:
    major, minor = divmod(code, 1 << 16)
    if major != MAJOR:
        raise WireError(
            f"unsupported frontend protocol {major}.{minor}: "
            f"{MAJOR}.0 to {MAJOR}.{LATEST_MINOR} are spoken here",
            sqlstate="0A000",
        )
    parameters: dict[str, str] = {}
    while name := packet.text():
        parameters[name] = packet.text()
    packet.end()
    if not parameters.get("user"):
        raise WireError("no user name is in the startup packet", sqlstate="28000")
    return Startup(major, minor, parameters, length)


def ssl_request() -> bytes:
    """Return the packet that asks for TLS."""
    return _packet(_SSL)


def gssenc_request() -> bytes:
    """Return the packet that asks for GSSAPI encryption."""
    return _packet(_GSSENC)


def cancel(pid: int, key: bytes) -> bytes:
    """Return the packet that asks to cancel what a connection does; raise WireError."""
    if not LEAST_KEY <= len(key) <= MOST_KEY:
        raise WireError(f"a cancel key has {LEAST_KEY} to {MOST_KEY} bytes, not {len(key)}")
    return _packet(_CANCEL, UINT32.pack(pid & 0xFFFF_FFFF) + key)


def startup(parameters: Mapping[str, str], minor: int = 0) -> bytes:
    """Return the packet that begins a session; raise WireError when it is too long."""
    texts = [text for pair in parameters.items() for text in pair]
    made = _packet(MAJOR << 16 | minor, b"".join(map(string, texts)) + b"\0")
    if len(made) > MOST:
        raise WireError(f"the startup parameters are longer than {MOST} bytes", sqlstate="54000")
    return made


def negotiate(minor: int, unrecognised: Sequence[str]) -> bytes:
    """Return NegotiateProtocolVersion: 3.``minor`` it is, and these options are not known."""
    body = UINT32.pack(MAJOR << 16 | minor) + UINT32.pack(len(unrecognised))
    return message(b"v", body + b"".join(map(string, unrecognised)))


def _packet(code: int, body: bytes = b"") -> bytes:
    return UINT32.pack(len(body) + REQUEST_SIZE) + UINT32.pack(code) + body
