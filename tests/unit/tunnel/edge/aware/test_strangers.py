import asyncio

import pytest

from pgward.tunnel.edge.aware import strangers as module
from pgward.tunnel.edge.aware.strangers import (
    ALL_STRANGERS,
    AT_ONCE,
    KNOWN_SECONDS,
    WRONG,
    WRONG_AT_KNOWN,
    Strangers,
)
from pgward.tunnel.preface import Reason, RefusedError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def bench() -> tuple[Strangers, Clock]:
    clock = Clock()
    return Strangers(monotonic=clock), clock


async def come(strangers: Strangers, address: str = "192.0.2.1", *, verdict="wrong") -> None:
    async with strangers.turn(address) as turn:
        if verdict == "right":
            turn.succeeded()
        elif verdict == "away":
            turn.undecided()


def refused(strangers: Strangers, address: str = "192.0.2.1") -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        asyncio.run(come(strangers, address))
    assert caught.value.reason is Reason.LIMIT
    return caught.value


def many(strangers: Strangers, number: float, address="192.0.2.1", verdict="wrong") -> None:
    async def main() -> None:
        for _ in range(int(number)):
            await come(strangers, address, verdict=verdict)

    asyncio.run(main())


def test_a_place_that_guesses_is_refused_before_anybody_is_asked():
    strangers, clock = bench()
    many(strangers, WRONG.burst)
    error = refused(strangers)
    assert error.message == "too many wrong logins from this address"
    assert error.hint == "try again in 6 seconds"
    many(strangers, 1, "192.0.2.2")  # elsewhere nobody is slowed down
    clock.now += 6
    many(strangers, 1)
    refused(strangers)


def test_a_customer_has_many_addresses_of_ipv6():
    strangers, _ = bench()
    for number in range(int(WRONG.burst)):
        many(strangers, 1, f"2001:db8::{number:x}")
    refused(strangers, "[2001:db8::ffff]")
    many(strangers, 1, "2001:db8:0:1::1")
    many(strangers, WRONG.burst, "::ffff:192.0.2.1")
    refused(strangers, "192.0.2.1")


def test_only_what_is_wrong_counts():
    strangers, _ = bench()
    many(strangers, ALL_STRANGERS.burst / 2, verdict="away")
    many(strangers, 10 * WRONG.burst, verdict="right")
    many(strangers, 1)


def test_where_somebody_came_in_guesses_of_others_do_less_harm():
    strangers, clock = bench()
    many(strangers, 1, verdict="right")
    many(strangers, WRONG_AT_KNOWN.burst)
    refused(strangers)
    clock.now += 1
    many(strangers, WRONG_AT_KNOWN.per_second)
    refused(strangers)
    clock.now += KNOWN_SECONDS
    many(strangers, WRONG.burst)
    refused(strangers)


def test_strangers_from_everywhere_leave_room_for_places_that_are_known():
    strangers, clock = bench()
    many(strangers, 1, "198.51.100.1", verdict="right")
    many(strangers, 1, "192.0.2.1")
    for number in range(int(ALL_STRANGERS.burst) - 2):  # the two before were strangers, too
        many(strangers, 1, f"10.0.{number >> 8}.{number & 255}")
    assert refused(strangers, "10.1.1.1").message == "too many strangers ask this edge"
    many(strangers, 10, "198.51.100.1", verdict="right")
    clock.now += 1
    many(strangers, 1, "10.9.9.9")


def test_a_worker_has_its_share_only():
    clock = Clock()
    strangers = Strangers(share=0.1, monotonic=clock)
    for number in range(10):
        many(strangers, 1, f"10.0.0.{number}")
    assert "strangers" in refused(strangers, "10.0.0.11").message


def test_who_says_nothing_keeps_only_neighbours_waiting(monkeypatch):
    monkeypatch.setattr(module, "TURN_SECONDS", 0.01)
    strangers, _ = bench()

    async def main() -> None:
        silent = asyncio.Event()

        async def hold() -> None:
            async with strangers.turn("192.0.2.1") as turn:
                await silent.wait()
                turn.succeeded()

        holding = [asyncio.create_task(hold()) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        with pytest.raises(RefusedError, match="too many logins at once"):
            await come(strangers)
        await come(strangers, "192.0.2.2")
        monkeypatch.setattr(module, "TURN_SECONDS", 5)
        waiting = asyncio.create_task(come(strangers, verdict="right"))
        await asyncio.sleep(0)
        silent.set()
        await waiting
        await asyncio.gather(*holding)

    asyncio.run(main())


def test_who_waited_is_refused_when_those_before_were_wrong():
    strangers, _ = bench()

    async def main() -> None:
        async def wrong() -> None:
            async with strangers.turn("192.0.2.1"):
                await asyncio.sleep(0)

        found = await asyncio.gather(*(wrong() for _ in range(3 * AT_ONCE)), return_exceptions=True)
        assert sum(each is None for each in found) == AT_ONCE
        await come(strangers, "192.0.2.2")

    asyncio.run(main())


def test_who_leaves_in_the_middle_was_wrong():
    strangers, _ = bench()

    async def main() -> None:
        for _ in range(int(WRONG.burst)):
            with pytest.raises(OSError, match="gone"):
                async with strangers.turn("192.0.2.1"):
                    raise ConnectionResetError("gone")

    asyncio.run(main())
    refused(strangers)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_PLACES", 20)
    strangers, clock = bench()
    for number in range(50):
        clock.now += 1
        many(strangers, 1, f"10.0.0.{number}")
    assert len(strangers) == 20
    many(strangers, 1, "not an address")
