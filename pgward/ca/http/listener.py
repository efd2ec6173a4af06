"""The authority's listening socket and its HTTPS server: uvicorn, inside our bounds."""

import asyncio
import errno
import resource
import signal
import socket
import ssl
from collections.abc import Callable
from typing import Any

import uvicorn

from pgward.ca.http.door import Door
from pgward.ca.http.networks import Network
from pgward.ca.http.protocol import BoundedHttp
from pgward.ca.http.waiting import Waiting
from pgward.core.address import Address
from pgward.core.errors import ConflictError, PgwardError, UnavailableError
from pgward.system.process import port_holder

MOST_WAITING = 2_000  # connections whose peer has still to say something, 50 to 80 KB each
_SHUTDOWN_SECONDS = 5  # for open requests to be answered
_KEEP_ALIVE_SECONDS = 60
_BACKLOG = 1024
_UNACKNOWLEDGED_MS = 30_000  # a peer that stops reading its answer is dropped


def bind(address: Address) -> socket.socket:
    """Return a listening socket; raise ConflictError that names who holds the port."""
    try:
        family, kind, proto, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise UnavailableError(f"{address.host} is no address of this machine") from error
    listening = socket.socket(family, kind, proto)
    try:
        _configure(listening)
        listening.bind(target)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _explain(error, address) from error
    return listening


def bound_address(listening: socket.socket) -> Address:
    """Return where the socket really listens."""
    host, port = listening.getsockname()[:2]
    return Address(host, port)


def raise_file_limit() -> None:
    """Allow as many connections as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_waiting() -> int:
    """Return how many connections may wait for their peer: they get half of the descriptors."""
    return min(MOST_WAITING, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


class HttpsServer(uvicorn.Server):
    """uvicorn behind a door of ours, on a socket that is bound already."""

    def __init__(
        self,
        app: Callable[..., Any],
        listening: socket.socket,
        context: ssl.SSLContext | None,
        *,
        on_stop: Callable[[], None] = lambda: None,
        proxies: tuple[Network, ...] = (),
        most: int | None = None,
    ) -> None:
        """Let ``most`` connections wait for their peers; unless given, what the system allows."""
        config = uvicorn.Config(
            app,
            http=BoundedHttp,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        super().__init__(config)
        self._listening = listening
        self.waiting = Waiting(most_waiting() if most is None else most)
        self._door = Door(listening, context, self._protocol, self.waiting, proxies)
        self._on_stop = on_stop
        self.ready = asyncio.Event()

    async def run_until_stopped(self) -> None:
        """Serve until SIGTERM or SIGINT; open requests get a few seconds to end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            await self._serve([self._listening])
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Begin to stop, and have open requests end; a second call does not wait for them."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._on_stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        """Start the application and listen; uvicorn's own listener bounds nothing."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise PgwardError("the authority's service did not start")
        self.servers = []  # those of asyncio: there is none
        self._door.open()
        self.started = True
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, then wait for open requests."""
        self._door.close()
        await super().shutdown(sockets)

    def _protocol(self) -> BoundedHttp:
        return BoundedHttp(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            waiting=self.waiting,
        )


def _configure(listening: socket.socket) -> None:
    """Set what accepted connections inherit; keepalive finds peers that are gone."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
    if listening.family is socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)


def _explain(error: OSError, address: Address) -> PgwardError:
    if error.errno == errno.EADDRINUSE:
        holder = port_holder(address.port)
        by = f" by {holder}" if holder else ""
        return ConflictError(
            f"port {address.port} is taken{by}", hint="end it, or give another --listen HOST:PORT"
        )
    reason = (error.strerror or str(error)).lower()
    return UnavailableError(f"cannot listen on {address}: {reason}", hint="give --listen HOST:PORT")
