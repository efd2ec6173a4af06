"""What carries a session between a client and PostgreSQL, and who opens it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from pgward.core.address import Address
from pgward.tunnel.edge.state import EdgeState, Peer, Service
from pgward.tunnel.farewell import never
from pgward.tunnel.preface import Controls, Reason, RefusedError
from pgward.tunnel.relay import Relay
from pgward.tunnel.tls import TlsConnection

IDLE: Final = "idle"
IDLE_IN_TRANSACTION: Final = "idle_in_transaction"
SESSION_TIMEOUT: Final = "session_timeout"
ENDED: Final = "ended"  # by an administrator
RULES: Final = "rules"  # changed, and are to see all from the beginning
NO_ROOM: Final = "no_room"  # to put it on record
FAULT: Final = "fault"  # of the edge
CUTS: Final = (
    *(each.name.lower() for each in Reason),
    *(IDLE, IDLE_IN_TRANSACTION, SESSION_TIMEOUT, ENDED, RULES, NO_ROOM, FAULT),
)
"""Why an edge ends a session, in a word: what a refusal might say, too, or what only it knows."""

OnEnd = Callable[[bool, Reason | None], None]
"""Called once when the session has ended by itself, as ``relay.Relay`` calls it."""


@dataclass(frozen=True, slots=True)
class Parting:
    """What is left to be said to a client, and what is to be closed after that."""

    play: Callable[[], Awaitable[None]]
    close: Callable[[], None]


class Carrying(Protocol):
    """A session that is open at both ends."""

    @property
    def relay(self) -> Relay:
        """What moves the bytes."""
        ...

    @property
    def cut(self) -> str | None:
        """One of CUTS if the edge has ended it; None as long as it runs, or if others did."""
        ...

    def start(self) -> None:
        """Begin to carry."""
        ...

    def adopt(self, state: EdgeState, service: Service) -> None:
        """Go on under a newer configuration; raise RefusedError if the session must end."""
        ...

    def remind(self, seconds: float, *, stands: bool) -> None:
        """Say to the client, if its protocol can, how soon its access ends; once is enough.

        Who ``stands`` may come anyhow: it ends where the session landed by what was granted.
        """
        ...

    def tell(self, why: RefusedError) -> None:
        """Say to the client, if its protocol can, that the edge ends the session now."""
        ...

    def close(self) -> Parting | None:
        """Stop, without a call of ``on_end``, and close PostgreSQL's end.

        Or else return what is left to be said on the client's connection before that.
        """
        ...


class Forwarded:
    """A session in ``mode: tcp``: the bytes are the client's and PostgreSQL's own affair."""

    __slots__ = ("_first", "_upstream", "relay")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tls: TlsConnection,
        upstream: socket.socket,
        *,
        controls: Controls | None,
        first: bytes,
        on_end: OnEnd,
    ) -> None:
        self._upstream = upstream
        self._first = first
        self.relay = Relay(loop, tls, upstream, controls, on_end)

    @property
    def cut(self) -> None:
        """Nothing: what ends it is not the edge, which has no limits here, but who closes it."""
        return

    def start(self) -> None:
        """Begin with the client's first bytes."""
        first, self._first = self._first, b""
        self.relay.start(first)

    def adopt(self, _state: EdgeState, service: Service) -> None:
        """Raise RefusedError where the edge has to speak what the client speaks from now on."""
        if service.postgres is not None:
            raise RefusedError(
                Reason.DENIED, "this edge speaks for the service now", hint="connect again"
            )

    def remind(self, _seconds: float, *, stands: bool) -> None:
        """Say nothing, as in ``tell``."""

    def tell(self, _why: RefusedError) -> None:
        """Say nothing: the edge does not speak what the client speaks."""

    def close(self) -> None:
        """Stop, and close PostgreSQL's end."""
        self.relay.stop()
        self._upstream.close()


@dataclass(frozen=True, slots=True)
class Client:
    """Who begins a session, and the connection that it came on.

    ``has_grants`` tells whether the person has something there by a grant, which may end, and
    ``why_ended`` what else may have PostgreSQL end the session.
    """

    tls: TlsConnection
    controls: Controls | None
    peer: Peer
    address: str
    has_grants: Callable[[], bool] = never
    why_ended: Callable[[], RefusedError | None] = lambda: None


class Aware(Protocol):
    """Opens sessions whose protocol the edge speaks."""

    async def open(
        self, client: Client, service: Service, first: bytes, on_end: OnEnd
    ) -> Carrying | None:
        """Return a session, not started yet; None when none was wanted. Raise RefusedError."""
        ...


class NotAware:
    """Refuses every service whose protocol should be spoken."""

    async def open(
        self, _client: Client, service: Service, _first: bytes, _on_end: OnEnd
    ) -> Carrying | None:
        """Raise RefusedError."""
        raise RefusedError(Reason.UNREACHABLE, f"this edge does not serve {service.name} yet")


class Dialing(Protocol):
    """Connects to an upstream."""

    async def dial(self, upstream: Address) -> socket.socket:
        """Return a non-blocking connection; raise RefusedError."""
        ...
