"""What goes into a connection to PostgreSQL, and what comes out."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pgward.core.address import Address
from pgward.tunnel.edge.landing import Landing
from pgward.tunnel.edge.state_postgres import Config, SshJump
from pgward.tunnel.edge.upstreams.contexts import ClientCertificate
from pgward.tunnel.tls import TlsConnection


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the edge logs in with; ``jump_key`` is the private key (PEM) for the jump host."""

    password: bytes | None = field(default=None, repr=False)
    certificate: ClientCertificate | None = None
    jump_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A connection that somebody wants; ``minor`` is the protocol's minor version, 0 or 2."""

    config: Config
    landing: Landing
    credentials: Credentials
    minor: int = 0


@dataclass(frozen=True, slots=True)
class Upstream:
    """A connection on which the login is done; whoever has it closes ``connection``.

    ``method`` is how the edge proved itself. ``notices`` are whole messages that came before,
    ``rest`` what came behind ReadyForQuery, and ``unrecognised`` the protocol's options that
    PostgreSQL does not know.
    """

    connection: socket.socket | TlsConnection
    address: Address
    parameters: Mapping[str, str]
    key: tuple[int, bytes] = field(repr=False)
    minor: int
    method: str
    notices: tuple[bytes, ...] = ()
    rest: bytes = field(default=b"", repr=False)
    unrecognised: tuple[str, ...] = ()

    @property
    def is_encrypted(self) -> bool:
        """Whether it is TLS."""
        return isinstance(self.connection, TlsConnection)


class Dialing(Protocol):
    """Connects to an address."""

    async def dial(self, upstream: Address) -> socket.socket:
        """Return a tuned, non-blocking connection; raise RefusedError."""
        ...


class Jumping(Protocol):
    """Connects to an address from a jump host."""

    async def dial(self, jump: SshJump, key: bytes, upstream: Address) -> socket.socket:
        """Return a non-blocking connection; raise RefusedError."""
        ...
