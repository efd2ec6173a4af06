"""Sessions of the relay whose peers do not read."""

import asyncio
import os
import socket

import pytest

from tests.fixtures.links import Wire, receive
from tests.fixtures.relays import BROKEN, CLEAN, exchange, fill


async def take(sock: socket.socket, size: int) -> None:
    while size:
        chunk = await asyncio.get_running_loop().sock_recv(sock, min(size, 65536))
        assert chunk
        size -= len(chunk)


def test_a_reader_that_stands_still_holds_the_writer_up(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        session = wire.session(buffers=4096)
        taken = await fill(session.client)
        assert taken < 1_000_000
        session.client.shutdown(socket.SHUT_WR)
        assert len(await receive(session.database)) == taken
        session.database.shutdown(socket.SHUT_WR)
        assert await session.result() == (CLEAN, CLEAN)
        session.close()
        wire.close()

    run(main())


def test_both_ways_blocked_is_no_deadlock(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        session = wire.session(buffers=4096)
        forth, back = await fill(session.client), await fill(session.database)
        await fill(session.client)  # still full, though the other way moved
        await asyncio.gather(take(session.database, forth), take(session.client, back))
        session.client.shutdown(socket.SHUT_WR)
        session.database.shutdown(socket.SHUT_WR)
        await asyncio.gather(receive(session.database), receive(session.client))
        assert await session.result() == (CLEAN, CLEAN)
        session.close()
        wire.close()

    run(main())


@pytest.mark.parametrize("blocked", ["client", "database"])
@pytest.mark.parametrize("ending", ["client", "database"])
def test_an_end_while_a_write_is_blocked(run, contexts, blocked, ending):
    """``blocked`` reads nothing, the other sends all it can; then one of them leaves."""

    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        session = wire.session(tcp=True)
        sender = session.database if blocked == "client" else session.client
        taken = await fill(sender)
        if ending == blocked:
            getattr(session, ending).close()  # unread bytes: a RST
            assert await session.result() == (BROKEN, BROKEN)
        else:
            sender.shutdown(socket.SHUT_WR)
            stuck = getattr(session, blocked)
            assert len(await receive(stuck)) == taken
            stuck.shutdown(socket.SHUT_WR)
            assert await session.result() == (CLEAN, CLEAN)
        session.close()
        wire.close()

    run(main())


def test_a_cut_while_both_ways_are_blocked(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts, buffers=4096)
        session = wire.session(buffers=4096)
        await fill(session.client)
        await fill(session.database)
        session.edge.relay.stop()
        wire.edge.close()
        await take_all(session.client)
        assert await session.tunnel.ended == BROKEN
        session.edge.plain.close()
        session.close()
        wire.close()

    run(main())


async def take_all(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    try:
        while await loop.sock_recv(sock, 65536):
            pass
    except ConnectionError:
        return


def test_one_stuck_session_delays_no_other(run, contexts):
    async def main() -> None:
        stuck, other = await Wire.open(contexts), await Wire.open(contexts)
        first = stuck.session()
        await fill(first.client)
        second = other.session()
        await exchange(second, [os.urandom(300_000)], [os.urandom(300_000)])
        assert await second.result() == (CLEAN, CLEAN)
        for side in (first.tunnel, first.edge):
            side.relay.stop()
            side.plain.close()
        for each in (first, second, stuck, other):
            each.close()

    run(main())
