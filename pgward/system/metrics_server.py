"""The listener for Prometheus, apart from all else: plain HTTP, meant for loopback.

It knows ``GET /metrics`` and nothing else, and answers one request a connection.
"""

import asyncio
import socket
from collections.abc import Callable

from pgward.system.exposition import CONTENT_TYPE

REQUEST_SECONDS = 5.0
MOST_CONNECTIONS = 16
_MAX_HEAD = 8 * 1024


class MetricsServer:
    """Serves ``text()``, which runs in a thread, one at a time."""

    def __init__(self, listening: socket.socket, text: Callable[[], bytes]) -> None:
        self._listening = listening
        self._text = text
        self._one = asyncio.Lock()
        self._open = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Accept from now on."""
        self._server = await asyncio.start_server(
            self._serve, sock=self._listening, limit=_MAX_HEAD
        )

    async def stop(self) -> None:
        """Accept no more; answers under way end with the loop."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MOST_CONNECTIONS:
                async with asyncio.timeout(REQUEST_SECONDS):
                    head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head))
                async with asyncio.timeout(REQUEST_SECONDS):
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # it said too little, too much, or went away
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if path != b"/metrics":
            return _http("404 Not Found", b"")
        if method not in (b"GET", b"HEAD"):
            return _http("405 Method Not Allowed", b"", "allow: GET, HEAD\r\n")
        async with self._one:
            body = await asyncio.to_thread(self._text)
        answer = _http("200 OK", body, f"content-type: {CONTENT_TYPE}\r\n")
        return answer if method == b"GET" else answer[: -len(body)]


def _http(status: str, body: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{headers}\r\n"
    return head.encode() + body
