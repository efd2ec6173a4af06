"""The agent's socket: who may speak, how much, and how long. What is asked is ``answer``'s."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from pgward.core.errors import PgwardError
from pgward.system.files import private_dir
from pgward.system.unix_socket import mine, unix_path
from pgward.tunnel.agent import protocol

log = logging.getLogger("pgward.agent")

MOST_CLIENTS = 64
IDLE_SECONDS = 600.0

Answer = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class ControlServer:
    """Answers this user's processes, each one request after the other."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path = path
        self._answer = answer
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; whoever holds the agent's lock may take the place of what a dead one left."""
        private_dir(self._path.parent)
        self._path.unlink(missing_ok=True)
        # The directory keeps others out from the first moment; the mode below is for whom it is.
        self._server = await asyncio.start_unix_server(
            self._connected, unix_path(self._path), limit=protocol.MAX_REQUEST
        )
        self._path.chmod(0o600)

    async def close(self) -> None:
        """Stop, and take the socket away."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for client in tuple(self._clients):
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - streams run it as one
        self._clients.add(task)
        try:
            if not _may_speak(writer) or len(self._clients) > MOST_CLIENTS:
                log.warning("a process that is not yours, or one too many, was turned away")
                return
            await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # it left, says nothing, or the agent ends
        finally:
            self._clients.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    line = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                await _write(writer, protocol.failure(_TOO_LONG))
                return
            await self._reply(line, writer)

    async def _reply(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        answering = asyncio.ensure_future(self._safe_answer(line))
        try:
            while not answering.done():
                await asyncio.wait({answering}, timeout=protocol.WORKING_SECONDS)
                if not answering.done():
                    await _write(writer, protocol.WORKING)
            await _write(writer, answering.result())
        finally:
            answering.cancel()

    async def _safe_answer(self, line: bytes) -> Mapping[str, Any]:
        try:
            return await self._answer(protocol.decode(line))
        except PgwardError as error:
            return protocol.failure(error)
        except Exception as error:  # one request that breaks must not end the tunnels of all
            log.exception("a request broke")
            return protocol.failure(
                PgwardError(f"the agent failed: {type(error).__name__}", hint="see its log")
            )


_TOO_LONG = protocol.ProtocolError(f"a request has at most {protocol.MAX_REQUEST} bytes")


def _may_speak(writer: asyncio.StreamWriter) -> bool:
    connection: socket.socket = writer.get_extra_info("socket")
    return mine(connection)


async def _write(writer: asyncio.StreamWriter, message: Mapping[str, Any]) -> None:
    writer.write(protocol.encode(message))
    async with asyncio.timeout(protocol.PATIENCE_SECONDS):  # one that does not read is let go
        await writer.drain()
