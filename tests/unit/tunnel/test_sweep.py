"""A peer that is reset behind its last bytes: seen by the sweep if not by the loop."""

import asyncio

import pytest

from pgward.tunnel.sweep import sweep
from tests.fixtures.links import Wire, receive, reset


@pytest.mark.parametrize("size", [5, 100_000])
def test_a_client_that_is_reset_behind_its_bytes_ends_the_session(run, contexts, size):
    async def main() -> None:
        wire = await Wire.open(contexts)
        session = wire.session(tcp=True)
        arriving = asyncio.ensure_future(receive(session.database))
        session.client.setblocking(True)
        session.client.sendall(b"x" * size)
        reset(session.client)  # data and error are there before the loop looks
        for _ in range(100):
            if session.tunnel.ended.done():
                break
            await asyncio.sleep(0)
            sweep([session.tunnel.relay])
        result = await asyncio.wait_for(session.result(), 10)
        assert result == ((False, None), (False, None))
        assert not (await arriving).strip(b"x")
        session.close()
        wire.close()

    run(main())


def test_healthy_sessions_are_left_alone(run, contexts):
    async def main() -> None:
        wire = await Wire.open(contexts)
        session = wire.session(tcp=True)
        sweep([None, session.tunnel.relay, session.edge.relay])
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(session.client, b"hello")
        assert await loop.sock_recv(session.database, 100) == b"hello"
        assert not session.tunnel.ended.done()
        session.tunnel.relay.stop()
        session.edge.relay.stop()
        session.tunnel.plain.close()
        session.edge.plain.close()
        session.close()
        wire.close()

    run(main())
