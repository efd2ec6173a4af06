"""A client that is read only when it is said so."""

import asyncio

import pytest

from pgward.pgwire import backend, frontend
from tests.fixtures.aware_relay_world import ANSWER, QUERY, UPSTREAMS, World

BIG = frontend.query("x" * 15_000)  # about a TLS record


async def nothing_comes(world: World) -> bool:
    try:
        async with asyncio.timeout(0.05):
            return not await world.database.receive()
    except TimeoutError:
        return True


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_it_waits_until_it_is_read_and_gets_its_answers_meanwhile(run, contexts, upstream):
    async def main() -> None:
        async with World(contexts, upstream) as world:
            world.relay.start()
            assert await world.up(QUERY) == QUERY
            world.relay.slow()
            await world.client.send(BIG)
            await world.client.send(BIG)
            assert await nothing_comes(world)
            assert await world.down(ANSWER) == ANSWER
            assert world.relay.idle
            assert world.relay.last_active == pytest.approx(world.relay._loop.time(), abs=0.01)
            world.relay.sip()
            assert await world.at_database(len(BIG)) == BIG
            assert await nothing_comes(world)
            world.relay.quicken()
            assert await world.at_database(len(BIG)) == BIG
            assert await world.down(ANSWER + ANSWER) == ANSWER + ANSWER
            assert await world.up(QUERY) == QUERY
            assert world.tape.of("UP") == QUERY + BIG + BIG + QUERY

    run(main())


def test_what_has_not_gone_on_is_not_added_to(run, contexts):
    async def main() -> None:
        async with World(contexts, "plain", 4096) as world:
            world.relay.start()
            world.relay.slow()
            sending = asyncio.create_task(world.client.send(BIG * 20))
            for _ in range(40):
                await asyncio.sleep(0)
                world.relay.sip()
            passed = len(world.tape.of("UP"))
            assert passed <= 3 * len(BIG)
            world.relay.quicken()
            assert await world.at_database(20 * len(BIG)) == BIG * 20
            await sending

    run(main())


def test_a_notice_comes_while_it_is_slowed_and_an_end_too(run, contexts):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            world.relay.slow()
            world.relay.notice("slowed")
            said = backend.notice("NOTICE", "00000", "slowed")
            assert await world.at_client(len(said)) == said
            world.relay.end("57P01", "over", force=True)
            assert await world.ended is False
            world.relay.sip()
            world.relay.quicken()

    run(main())


def test_who_leaves_meanwhile_is_noticed_when_it_is_read(run, contexts):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            world.relay.slow()
            await world.client.send(frontend.terminate())
            world._open[1].close()
            assert await nothing_comes(world)
            world.relay.sip()
            assert await world.at_database(5) == frontend.terminate()
            world.relay.quicken()
            world.database.sock.close()
            assert await world.ended is False
            world.relay.slow()

    run(main())


def test_copy_data_is_counted_for_it_is_not_put_on_tape(run, contexts):
    async def main() -> None:
        async with World(contexts) as world:
            world.relay.start()
            assert await world.up(QUERY) == QUERY
            copy = backend.message(b"G", b"\0\0\0")
            assert await world.down(copy) == copy
            data = frontend.copy_data(bytes(9000)) + frontend.copy_data(b"x")
            assert await world.up(data) == data
            assert world.relay.copied == len(data)

    run(main())
