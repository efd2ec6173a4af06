"""Last words of a session that ends in the middle of an answer: behind the message under way.

The session is over: nothing of the client is read any more, and of PostgreSQL no more than what
that message lacks.
"""

import asyncio
import logging
from dataclasses import dataclass, field

from pgward.tunnel.relay import BUFFER_SIZE, Plain
from pgward.tunnel.tls import TlsConnection, ready, write_all

log = logging.getLogger("pgward.edge")

OUTRO_SECONDS = 1.0
MOST_LEFT = 1024 * 1024
"""Bytes of a message; a value may have a gigabyte, which nobody waits for."""


@dataclass(frozen=True, slots=True)
class Outro:
    """``waiting`` is what TLS has begun to write, ``left`` what the message lacks behind it.

    ``words`` may have been written already, and wait.
    """

    tls: TlsConnection
    plain: Plain
    waiting: bytes
    left: int
    words: bytes = field(repr=False)

    async def play(self) -> None:
        """Say the words, if the client takes what comes before them in time."""
        try:
            async with asyncio.timeout(OUTRO_SECONDS):
                if self.waiting:  # the same bytes must be offered again (SSL_write)
                    await write_all(self.tls, self.waiting)
                if self.words and await self._finish_message():
                    await write_all(self.tls, self.words)
        except (TimeoutError, OSError) as error:
            log.debug("a client could not be told why its session ended: %s", error)

    async def _finish_message(self) -> bool:
        """Pass on what the message lacks; tell whether that was all of it."""
        left, buffer = self.left, memoryview(bytearray(min(self.left, BUFFER_SIZE)))
        while 0 < left <= MOST_LEFT:
            try:
                size = self.plain.recv_into(buffer[:left])
            except (BlockingIOError, InterruptedError):
                await ready(self.plain, read=True)
                continue
            if not size:
                break
            await write_all(self.tls, bytes(buffer[:size]))
            left -= size
        return not left
