import asyncio

import pytest

from pgward.tunnel.edge.secrets.flights import Flights


class Fetching:
    """Fetches when it is let."""

    def __init__(self):
        self.count = 0
        self.may_land = asyncio.Event()
        self.error = None

    async def __call__(self):
        self.count += 1
        await self.may_land.wait()
        if self.error is not None:
            raise self.error
        return self.count


async def begun(flights, fetch, number):
    waiting = [asyncio.create_task(flights.join("key", fetch)) for _ in range(number)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return waiting


def test_one_fetches_for_all_who_wait():
    async def scenario():
        flights, fetch = Flights(), Fetching()
        waiting = await begun(flights, fetch, 3)
        fetch.may_land.set()
        assert await asyncio.gather(*waiting) == [1, 1, 1]
        assert await flights.join("key", fetch) == 2

    asyncio.run(scenario())


def test_who_gives_up_takes_nothing_from_the_others():
    async def scenario():
        flights, fetch = Flights(), Fetching()
        first, second = await begun(flights, fetch, 2)
        first.cancel()
        await asyncio.sleep(0)
        fetch.may_land.set()
        assert await second == 1
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(scenario())


def test_a_failure_is_everyones_and_the_next_tries_again():
    async def scenario():
        flights, fetch = Flights(), Fetching()
        fetch.error = ValueError("away")
        waiting = await begun(flights, fetch, 2)
        fetch.may_land.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert found == [fetch.error, fetch.error]
        fetch.error = None
        assert await flights.join("key", fetch) == 2

    asyncio.run(scenario())


def test_different_keys_are_different_flights():
    async def scenario():
        flights, fetch = Flights(), Fetching()
        fetch.may_land.set()
        assert await asyncio.gather(*(flights.join(key, fetch) for key in "ab")) == [1, 2]
        assert fetch.count == 2

    asyncio.run(scenario())
