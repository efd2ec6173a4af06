"""A client that asks for very much before it is answered is not read on, and loses nothing."""

import asyncio

import pytest

from pgward.pgwire import backend, frontend
from pgward.tunnel.aware_relay import MOST_AWAITED
from pgward.tunnel.relay import BUFFER_SIZE
from tests.fixtures.aware_relay_world import UPSTREAMS, World

QUERY = frontend.query("")
ANSWER = backend.ready()
# One read more may be taken.
MOST = MOST_AWAITED + BUFFER_SIZE // len(QUERY)


async def _taken(world: World) -> int:
    """Take what comes to PostgreSQL until nothing more does; return how many statements."""
    size = 0
    while True:
        try:
            async with asyncio.timeout(0.2):
                size += len(await world.database.receive())
        except TimeoutError:
            return size // len(QUERY)


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_no_more_is_read_than_may_wait_for_answers(run, contexts, upstream):
    async def main() -> None:
        count = 3 * MOST_AWAITED
        async with World(contexts, upstream) as world:
            world.relay.start()
            sending = asyncio.create_task(world.client.send(QUERY * count))
            passed = await _taken(world)
            assert MOST_AWAITED < passed <= MOST
            assert len(world.relay.exchange.queue) == passed
            # Half of it must be answered before more is read.
            few = passed - MOST_AWAITED // 2 - 1
            assert await world.down(ANSWER * few) == ANSWER * few
            assert await _taken(world) == 0
            answered = few
            while passed < count:
                assert await world.down(ANSWER * (passed - answered)) != b""
                answered, passed = passed, passed + await _taken(world)
            await sending
            assert passed == count

    run(main())


def test_who_leaves_while_it_is_held_ends_its_session(run, contexts):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            sending = asyncio.create_task(world.client.send(QUERY * 3 * MOST_AWAITED))
            await _taken(world)
            sending.cancel()
            world._open[1].close()
            world.database.sock.close()
            assert await world.ended is False

    run(main())
