"""Connections that close while their peer still sends: on real TCP, where a reset would show."""

import asyncio
import socket

import pytest

from pgward.tunnel import lingering as module
from pgward.tunnel.lingering import Lingering
from pgward.tunnel.tls import read_some, write_all
from tests.fixtures.links import reset, send, tcp_pair, tls_pair

REASON = b"the service has other rules now"


async def hear(sock: socket.socket) -> bytes:
    """Read to the end, as a client does that is in the middle of something; raise OSError."""
    loop, said = asyncio.get_running_loop(), b""
    while more := await loop.sock_recv(sock, 100):
        said += more
    return said


async def settled(lingering: Lingering) -> None:
    async with asyncio.timeout(0.5):  # well before it would give up
        await lingering.ended()


def test_last_words_arrive_though_the_peer_still_sends(run):
    async def main() -> None:
        ours, theirs = tcp_pair()
        lingering = Lingering(asyncio.get_running_loop())
        await send(theirs, b"unread", end=False)
        ours.send(REASON)
        lingering.close(ours)
        await send(theirs, b"and more" * 100_000, end=False)
        assert await hear(theirs) == REASON
        assert len(lingering) == 1
        theirs.close()
        await settled(lingering)
        assert ours.fileno() == -1

    run(main())


def test_without_it_the_peer_is_reset():
    """What all this is for: the same, closed at once."""
    ours, theirs = tcp_pair()
    theirs.send(b"unread")
    while not ours.recv(1, socket.MSG_PEEK):
        pass
    ours.close()
    theirs.setblocking(True)
    with pytest.raises(ConnectionResetError):
        theirs.recv(100)
    theirs.close()


def test_tls_ends_in_order(run, contexts):
    async def main() -> None:
        ours, theirs = await tls_pair(contexts, tcp_pair())
        lingering = Lingering(asyncio.get_running_loop())
        await write_all(theirs, b"unread")
        await write_all(ours, REASON)
        lingering.close(ours)
        await write_all(theirs, b"more")
        assert await read_some(theirs, 100) == REASON
        assert await read_some(theirs, 100) == b""  # a close_notify, and no end out of order
        theirs.close()
        await settled(lingering)
        assert ours.fileno() == -1

    run(main())


def test_a_peer_that_has_ended_is_not_waited_for(run):
    async def main() -> None:
        ours, theirs = tcp_pair()
        theirs.close()
        lingering = Lingering(asyncio.get_running_loop())
        await asyncio.get_running_loop().sock_recv(ours, 1)
        lingering.close(ours)
        assert len(lingering) == 0
        assert ours.fileno() == -1
        lingering.close(ours)  # again

    run(main())


def test_a_peer_that_breaks(run):
    async def main() -> None:
        lingering = Lingering(asyncio.get_running_loop())
        for early in (True, False):
            ours, theirs = tcp_pair()
            if early:
                reset(theirs)
                with pytest.raises(ConnectionResetError):
                    await asyncio.get_running_loop().sock_recv(ours, 1)
            lingering.close(ours)
            if not early:
                reset(theirs)
                await settled(lingering)
            assert ours.fileno() == -1

    run(main())


@pytest.mark.parametrize("limit", ["QUIET_SECONDS", "WHOLE_SECONDS"])
def test_nobody_is_waited_for_for_long(run, monkeypatch, limit):
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.02)
    monkeypatch.setattr(module, limit, 0.01)

    async def main() -> None:
        ours, theirs = tcp_pair()
        lingering = Lingering(asyncio.get_running_loop())
        lingering.close(ours)
        sending = asyncio.ensure_future(_dribble(theirs, limit))
        await settled(lingering)
        assert ours.fileno() == -1
        sending.cancel()
        theirs.close()

    run(main())


async def _dribble(sock: socket.socket, limit: str) -> None:
    """Send a little all the time, where that keeps a connection from being quiet."""
    while limit == "WHOLE_SECONDS":
        sock.send(b"x")
        await asyncio.sleep(0.001)


def test_nobody_may_say_too_much(run):
    async def main() -> None:
        ours, theirs = tcp_pair()
        lingering = Lingering(asyncio.get_running_loop())
        lingering.close(ours)
        for each in lingering._leaving.values():
            each.left = 100_000
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await send(theirs, bytes(50_000_000))
        assert len(lingering) == 0
        theirs.close()

    run(main())


def test_the_oldest_goes_for_the_newest(run):
    async def main() -> None:
        lingering = Lingering(asyncio.get_running_loop(), most=2)
        pairs = [tcp_pair() for _ in range(3)]
        for ours, _ in pairs:
            lingering.close(ours)
        assert [ours.fileno() == -1 for ours, _ in pairs] == [True, False, False]
        lingering.close_now()
        assert all(ours.fileno() == -1 for ours, _ in pairs)
        lingering.close_now()
        for _, theirs in pairs:
            theirs.close()

    run(main())


def test_a_task_that_reads_stops_before(run, contexts):
    async def main() -> None:
        ours, theirs = await tls_pair(contexts, tcp_pair())
        lingering = Lingering(asyncio.get_running_loop())

        async def reading() -> None:
            await read_some(ours, 100)

        task = asyncio.ensure_future(reading())
        await asyncio.sleep(0)
        lingering.close_after(task, ours)
        task.cancel()
        assert len(lingering) == 1
        assert await read_some(theirs, 100) == b""
        assert task.cancelled()
        theirs.close()
        await settled(lingering)
        assert ours.fileno() == -1

    run(main())


def test_a_process_that_ends_waits_for_no_task(run, contexts):
    async def main() -> None:
        ours, theirs = await tls_pair(contexts, tcp_pair())
        lingering = Lingering(asyncio.get_running_loop())
        task = asyncio.ensure_future(asyncio.sleep(1))
        lingering.close_after(task, ours)
        lingering.close_now()
        assert ours.fileno() == -1
        await settled(lingering)
        theirs.close()

    run(main())
