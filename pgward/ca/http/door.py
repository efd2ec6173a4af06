"""Accepts connections for the HTTPS server, also when strangers make too many."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from pgward.ca.http import networks, proxy_protocol
from pgward.ca.http.networks import Network
from pgward.ca.http.proxy_protocol import ProxyHeaderError
from pgward.ca.http.waiting import Waiting

HANDSHAKE_SECONDS = 10.0
_GOODBYE_SECONDS = 1.0  # for a peer's own close_notify
_BATCH = 16
_PAUSE_SECONDS = 0.1
_TELL_EVERY_SECONDS = 60.0  # a flood must not fill the disk with lines
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_log = logging.getLogger(__name__)


class Guest(asyncio.Protocol):
    """A connection's protocol, which says itself when its peer's turn to speak is over."""

    def came_from(self, host: str, port: int) -> None:
        """Take note of the client's address, before the connection is made."""


@dataclass(slots=True)
class Door:
    """One listening socket: a connection waits from its first moment, so silence is bounded too.

    Without a ``context`` it speaks no TLS. What comes from one of ``proxies`` begins with a PROXY
    header, which tells the client's address.
    """

    listening: socket.socket
    context: ssl.SSLContext | None
    make: Callable[[], Guest]
    waiting: Waiting
    proxies: tuple[Network, ...] = ()
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _is_open: bool = False
    _quiet_until: float = 0.0

    def open(self) -> None:
        """Accept from now on."""
        self.listening.setblocking(False)
        self._is_open = True
        asyncio.get_running_loop().add_reader(self.listening, self._accept)

    def close(self) -> None:
        """Accept no more, and end the handshakes that go on; the socket stays the caller's."""
        self._is_open = False
        asyncio.get_running_loop().remove_reader(self.listening)
        for task in self._tasks:
            task.cancel()

    def _accept(self) -> None:
        for _ in range(_BATCH):
            try:
                connection, address = self.listening.accept()
            except ConnectionAbortedError:
                continue
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._pause(error)
                return
            self._admit(connection, *address[:2])

    def _admit(self, connection: socket.socket, host: str, port: int) -> None:
        connection.setblocking(False)
        guest = self.make()
        guest.came_from(host, port)
        task = asyncio.create_task(self._handshake(connection, guest, host))
        self._tasks.add(task)
        task.add_done_callback(partial(self._settled, connection, guest))
        self.waiting.enter(guest, task.cancel, networks.key(host))

    async def _handshake(self, connection: socket.socket, guest: Guest, host: str) -> None:
        if networks.contains(self.proxies, host):
            await self._introduce(connection, guest)
        loop = asyncio.get_running_loop()
        if self.context is None:
            await loop.connect_accepted_socket(lambda: guest, connection)
            return
        await loop.connect_accepted_socket(
            lambda: guest,
            connection,
            ssl=self.context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=_GOODBYE_SECONDS,
        )

    async def _introduce(self, connection: socket.socket, guest: Guest) -> None:
        """Let a balancer say whom it speaks for; it counts as that client from here on."""
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            found = proxy_protocol.source(await _proxy_header(connection))
        task = asyncio.current_task()
        if found is not None and task is not None:
            guest.came_from(found, 0)
            self.waiting.enter(guest, task.cancel, networks.key(found))

    def _settled(self, connection: socket.socket, guest: Guest, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is None and not task.cancelled():
            return
        self.waiting.leave(guest)
        connection.close()
        if isinstance(failure, ProxyHeaderError):
            _log.info("a balancer was turned away: %s", failure.message)
        elif failure is not None and not isinstance(failure, OSError):
            _log.error("a handshake failed unexpectedly", exc_info=failure)

    def _pause(self, error: OSError) -> None:
        """Make room; what is refused now waits in the backlog, and would only be refused again."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._quiet_until:
            self._quiet_until = loop.time() + _TELL_EVERY_SECONDS
            _log.error("cannot accept connections: %s", (error.strerror or str(error)).lower())
        if error.errno in _EXHAUSTED:
            for _ in range(_BATCH):
                self.waiting.drop_oldest()
        loop.remove_reader(self.listening)
        loop.call_later(_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if self._is_open:
            self.open()


async def _proxy_header(connection: socket.socket) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    while (size := proxy_protocol.missing(data)) > 0:
        more = await loop.sock_recv(connection, size)
        if not more:
            raise ConnectionResetError("the balancer left before it said whom it speaks for")
        data += more
    return data
