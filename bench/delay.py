"""A relay that puts a network's round-trip time between two hops: ``python -m bench.delay``.

The model, with one way = half a round trip in each direction:

- The client's ``connect()`` to the relay completes at once, for a program cannot hold back the
  kernel's SYN-ACK. In its place everything on a new connection, in both directions, is held for
  one round trip after the accept, the time that a real TCP handshake would have taken.
- After that every byte is one way late. So a byte that reaches the relay at ``t`` leaves it at
  ``max(t, opened + round trip) + one way``: for a client that speaks first this is to the
  microsecond what the real network gives it.
- The target is dialled when the handshake's last ACK would have reached it, one and a half round
  trips after the accept.
- The end of a stream is as late as a byte. Order is kept, and bandwidth is not limited: up to
  64 MiB are on the way in each direction.

Not modelled: loss, slow start, TCP Fast Open.
"""

import argparse
import asyncio
import contextlib
import selectors
import signal
import socket
from dataclasses import dataclass

from pgward.core.address import Address

_CHUNK = 64 * 1024
_CHUNKS_ON_THE_WAY = 1024


@dataclass(frozen=True, slots=True)
class Path:
    """When things arrive on one connection; all times in seconds of one clock."""

    opened: float
    round_trip: float

    def leaves(self, arrived: float) -> float:
        """Return when that which ``arrived`` at one end comes out at the other."""
        return max(arrived, self.opened + self.round_trip) + self.round_trip / 2


_OnTheWay = asyncio.Queue[tuple[float, bytes]]


async def _take_in(reader: asyncio.StreamReader, path: Path, way: _OnTheWay) -> None:
    clock = asyncio.get_running_loop().time
    data = b"-"
    while data:
        # A reset ends the stream like a FIN does: the other side sees the close in due time.
        try:
            data = await reader.read(_CHUNK)
        except ConnectionError:
            data = b""
        await way.put((path.leaves(clock()), data))


async def _give_out(way: _OnTheWay, writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        moment, data = await way.get()
        if (rest := moment - clock()) > 0:
            await asyncio.sleep(rest)
        if not data:
            break
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


async def _both_ways(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter], path: Path, target: Address
) -> None:
    loop = asyncio.get_running_loop()
    towards: _OnTheWay = asyncio.Queue(_CHUNKS_ON_THE_WAY)
    back: _OnTheWay = asyncio.Queue(_CHUNKS_ON_THE_WAY)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_take_in(client[0], path, towards))
        await asyncio.sleep(max(0.0, path.leaves(path.opened) - loop.time()))
        reader, writer = await asyncio.open_connection(target.host, target.port)
        try:
            async with asyncio.TaskGroup() as inner:
                inner.create_task(_give_out(towards, writer))
                inner.create_task(_take_in(reader, path, back))
                inner.create_task(_give_out(back, client[1]))
        finally:
            writer.close()


class Relay:
    """Listens on a free loopback port; each connection goes to ``target``, late."""

    def __init__(self, target: Address, round_trip: float) -> None:
        self._target = target
        self._round_trip = round_trip

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = Path(asyncio.get_running_loop().time(), self._round_trip)
        try:
            await _both_ways((reader, writer), path, self._target)
        except* ConnectionError:
            writer.transport.abort()
        finally:
            writer.close()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> asyncio.Server:
        return await asyncio.start_server(
            self._serve, host, port, family=socket.AF_INET, backlog=1024
        )


def precise_loop() -> asyncio.AbstractEventLoop:
    """Return a loop whose timers are good to 0.1 ms.

    epoll's waits, and uvloop's, are whole milliseconds; select's are microseconds. The price is
    that file descriptors must stay below 1024, so some 400 connections.
    """
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def _run(target: Address, round_trip: float, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    async with await Relay(target, round_trip).start(port=port):
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.delay", description="delay a TCP connection")
    parser.add_argument("--target", type=Address.parse, required=True, metavar="HOST:PORT")
    parser.add_argument("--round-trip-ms", type=float, default=40.0)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        runner.run(_run(given.target, given.round_trip_ms / 1000, given.port))


if __name__ == "__main__":
    main()
