"""HTTP/1.1 for strangers: uvicorn's protocol with bounds on size and time.

uvicorn's httptools protocol takes headers of any length and waits for ever for a first
request; here a peer has ``REQUEST_SECONDS`` for each request, and so many bytes. While it
is the peer's turn to speak, the connection is among those that wait (`pgward.ca.http.waiting`).
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pgward.ca.http import networks
from pgward.ca.http.door import Guest
from pgward.ca.http.waiting import Waiting

MAX_HEADER_BYTES = 64 * 1024
MAX_REQUEST_BYTES = 8 * 1024 * 1024
REQUEST_SECONDS = 20.0


class BoundedHttp(HttpToolsProtocol, Guest):
    """Refuses what is too long with 431 or 413, and closes on what comes too slowly."""

    def __init__(self, *args: Any, waiting: Waiting, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = waiting
        self._received = 0
        self._in_body = False
        self._deadline: asyncio.TimerHandle | None = None
        self._came_from: tuple[str, int] | None = None

    def came_from(self, host: str, port: int) -> None:
        """Take note of the client's address: behind a balancer, not the socket's."""
        self._came_from = host, port

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Give the peer its time for a first request."""
        super().connection_made(transport)
        self.client = self._came_from or self.client
        self._arm()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._disarm()
        self._waiting.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count, and parse what is within the bounds."""
        room = MAX_HEADER_BYTES - self._received
        self._received += len(data)
        if self._received > MAX_REQUEST_BYTES:
            self._refuse(b"413 Content Too Large")
        elif self._in_body or len(data) <= room:
            super().data_received(data)
        else:
            self._beyond_headers(data, room)

    def _beyond_headers(self, data: bytes, room: int) -> None:
        """Take what may come in one piece: headers, and the beginning of a body."""
        super().data_received(data[:room])
        if self._in_body:
            super().data_received(data[room:])
        else:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """Start a request's time, unless it runs since the connection came."""
        super().on_message_begin()
        self._in_body = False
        if self._deadline is None:
            self._arm()

    def on_headers_complete(self) -> None:
        """From here the larger bound holds."""
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the time: from here it is the server's."""
        self._disarm()
        self._received = 0
        self._in_body = False
        super().on_message_complete()
        self._note_turn()

    def on_response_complete(self) -> None:
        """Have the peer's next request waited for."""
        super().on_response_complete()
        self._note_turn()

    def _note_turn(self) -> None:
        """Wait while the next word is the peer's: the rest of a request, or the next one."""
        if self.cycle.response_complete or self.cycle.more_body:
            self._wait()
        else:
            self._waiting.leave(self)

    def _wait(self) -> None:
        if not self.transport.is_closing():
            # abort, not close: TLS would wait for the silent peer's own goodbye.
            address = networks.key(self.client[0] if self.client else None)
            self._waiting.enter(self, self.transport.abort, address)

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._too_slow)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        # abort, not close: TLS would wait for the silent peer's own goodbye.
        self.transport.abort()

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            head = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(head % status)
            self.transport.close()
