"""Connections that have said their last: closed once the peer could read it.

A socket that closes with unread bytes, or gets some later, resets the connection (RFC 1122 section
4.2.2.13), and a reset may overtake what was said before. So only our direction ends at first, and
what the peer still sends is taken and thrown away until it ends as well, within bounds.
"""

import asyncio
import logging
import socket
import ssl
from dataclasses import dataclass

from pgward.tunnel.tls import TlsConnection, say_goodbye

log = logging.getLogger("pgward.tunnel")

QUIET_SECONDS = 1.0
"""A peer that says nothing for so long has nothing on its way, or does not look."""
WHOLE_SECONDS = 5.0
MOST_BYTES = 64 * 1024 * 1024
MOST = 1000
"""How many linger at once; beyond, the oldest go."""

_discarded = bytearray(64 * 1024)


@dataclass(slots=True)
class _Leaving:
    """One connection; ``quiet_at`` and ``over_at`` by the loop's clock."""

    sock: socket.socket
    quiet_at: float
    over_at: float
    left: int = MOST_BYTES

    def has_ended(self) -> bool:
        """Take what came; tell whether that was the end, or too much."""
        try:
            size = self.sock.recv_into(_discarded)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            log.debug("a connection that we left broke: %s", error)
            return True
        self.left -= size
        return not size or self.left < 0


class Lingering:
    """Closes connections of one event loop, whose readers and writers are taken from it already."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, most: int = MOST) -> None:
        self._loop = loop
        self._most = most
        self._leaving: dict[int, _Leaving] = {}  # by descriptor, the oldest first
        self._busy: dict[TlsConnection, asyncio.Task[None]] = {}
        self._look: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._leaving) + len(self._busy)

    def close(self, connection: TlsConnection | socket.socket) -> None:
        """End our direction, and close once the peer has ended its own; safe to call again."""
        sock = connection.socket if isinstance(connection, TlsConnection) else connection
        if sock.fileno() == -1 or sock.fileno() in self._leaving:
            return
        now = self._loop.time()
        each = _Leaving(sock, now + QUIET_SECONDS, now + WHOLE_SECONDS)
        if not _end_direction(sock) or each.has_ended():
            sock.close()
            return
        if len(self._leaving) >= self._most:
            self._close(next(iter(self._leaving)))
        self._leaving[sock.fileno()] = each
        self._loop.add_reader(sock.fileno(), self._hear, sock.fileno())
        if self._look is None:
            self._look = self._loop.call_later(QUIET_SECONDS, self._close_late)

    def close_after(self, task: asyncio.Task[None], connection: TlsConnection) -> None:
        """Close when a task that reads or writes has come to its end."""
        self._busy[connection] = task
        task.add_done_callback(lambda _: self._stopped(connection))

    def _stopped(self, connection: TlsConnection) -> None:
        self._busy.pop(connection, None)
        self.close(connection)
        self._tell_if_empty()

    def close_now(self) -> None:
        """Wait for nobody any more."""
        for connection, task in tuple(self._busy.items()):
            task.cancel()
            connection.close()
        for fd in tuple(self._leaving):
            self._close(fd)
        if self._look is not None:
            self._look.cancel()
            self._look = None

    async def ended(self) -> None:
        """Wait until all are closed."""
        while len(self):
            self._empty = self._loop.create_future()
            await self._empty

    def _hear(self, fd: int) -> None:
        each = self._leaving[fd]
        each.quiet_at = self._loop.time() + QUIET_SECONDS
        if each.has_ended():
            self._close(fd)

    def _close_late(self) -> None:
        """Close whoever takes too long; look again after a while."""
        now = self._loop.time()
        for fd, each in tuple(self._leaving.items()):
            if now >= min(each.quiet_at, each.over_at):
                self._close(fd)
        self._look = (
            self._loop.call_later(QUIET_SECONDS, self._close_late) if self._leaving else None
        )

    def _close(self, fd: int) -> None:
        self._loop.remove_reader(fd)
        self._leaving.pop(fd).sock.close()
        self._tell_if_empty()

    def _tell_if_empty(self) -> None:
        if not len(self) and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)


def _end_direction(sock: socket.socket) -> bool:
    """Say our last byte; tell whether the peer is still there."""
    if isinstance(sock, ssl.SSLSocket):
        say_goodbye(sock)
    try:
        sock.shutdown(socket.SHUT_WR)  # on an SSLSocket it also ends TLS: recv is plain then
    except OSError as error:
        log.debug("a connection broke before we left it: %s", error)
        return False
    return True
