"""Accepts connections for the HTTPS server, also when strangers make too many."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from pgward.ca.waiting import Waiting

HANDSHAKE_SECONDS = 10.0
_GOODBYE_SECONDS = 1.0  # for a peer's own close_notify
_BATCH = 16
_PAUSE_SECONDS = 0.1
_TELL_EVERY_SECONDS = 60.0  # a flood must not fill the disk with lines
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Door:
    """One listening socket: a connection waits from its first moment, so silence is bounded too.

    The protocol that ``make`` returns says itself when its peer's turn to speak is over.
    """

    listening: socket.socket
    context: ssl.SSLContext
    make: Callable[[], asyncio.Protocol]
    waiting: Waiting
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
                connection, _address = self.listening.accept()
            except ConnectionAbortedError:
                continue
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._pause(error)
                return
            self._admit(connection)

    def _admit(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        protocol = self.make()
        task = asyncio.create_task(self._handshake(connection, protocol))
        self._tasks.add(task)
        task.add_done_callback(partial(self._settled, connection, protocol))
        self.waiting.enter(protocol, task.cancel)

    async def _handshake(self, connection: socket.socket, protocol: asyncio.Protocol) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: protocol,
            connection,
            ssl=self.context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=_GOODBYE_SECONDS,
        )

    def _settled(
        self, connection: socket.socket, protocol: asyncio.Protocol, task: asyncio.Task[None]
    ) -> None:
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is None and not task.cancelled():
            return
        self.waiting.leave(protocol)
        connection.close()
        if failure is not None and not isinstance(failure, OSError):
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
