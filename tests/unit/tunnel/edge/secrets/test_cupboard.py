import asyncio
import logging
import threading

import pytest

from pgward.tunnel.edge.secrets.cupboard import AGAIN, FRESH, STALE, Cupboard
from pgward.tunnel.edge.secrets.provider import SecretAwayError, SecretError
from pgward.tunnel.edge.state_postgres import SecretRef

DB = SecretRef("secret", "db")
CANARY = b"canary-Zx81"


class Place:
    """Answers what a test says; ``wait`` is for a place that does not answer."""

    def __init__(self):
        self.answer = CANARY
        self.count = 0
        self.wait = threading.Event()
        self.wait.set()

    def get(self, _reference):
        self.count += 1
        self.wait.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class World:
    """A cupboard, its clock and its one place."""

    def __init__(self):
        self.now = 1000.0
        self.place = Place()
        self.cupboard = Cupboard({"secret": self.place}, monotonic=lambda: self.now, patience=0.05)

    async def get(self, reference=DB):
        return await self.cupboard.get(reference)

    async def refusal(self, kind):
        with pytest.raises(kind) as caught:
            await self.get()
        return caught.value


def scenario(test):
    """Run a coroutine with a world."""
    asyncio.run(test(World()))


def test_a_secret_is_asked_for_once_in_minutes():
    async def run(world):
        assert await asyncio.gather(*(world.get() for _ in range(5))) == [CANARY] * 5
        world.now += FRESH - 1
        world.place.answer = b"next"
        assert await world.get() == CANARY
        assert world.place.count == 1
        world.now += 1
        assert await world.get() == b"next"
        assert world.place.count == 2

    scenario(run)


def test_while_its_place_is_away_the_known_one_counts_for_a_day(caplog):
    async def run(world):
        await world.get()
        world.place.answer = SecretAwayError("the CA is away")
        world.now += FRESH
        for _ in range(3):
            assert await world.get() == CANARY
        assert world.place.count == 2
        world.now += AGAIN
        assert await world.get() == CANARY
        assert world.place.count == 3
        world.now += STALE
        await world.refusal(SecretAwayError)

    with caplog.at_level(logging.WARNING):
        scenario(run)
    assert [each.message for each in caplog.records] == [
        "the CA is away; the one that is known goes on to be used"
    ]


def test_a_place_that_does_not_answer_holds_nobody_up_who_has_a_known_one():
    async def run(world):
        await world.get()
        world.now += FRESH
        world.place.wait.clear()
        world.place.answer = b"next"
        assert await world.get() == CANARY
        world.place.wait.set()
        world.cupboard._patience = 10
        assert await world.get() == b"next"
        assert world.place.count == 2

    scenario(run)


def test_a_no_is_remembered_for_some_seconds_only():
    async def run(world):
        world.place.answer = SecretError("there is none")
        first = await world.refusal(SecretError)
        assert await world.refusal(SecretError) is first
        assert world.place.count == 1
        world.place.answer = CANARY
        world.now += AGAIN
        assert await world.get() == CANARY

    scenario(run)


def test_what_was_taken_away_counts_no_more():
    async def run(world):
        await world.get()
        world.now += FRESH
        world.place.answer = SecretError("denied")
        await world.refusal(SecretError)
        world.place.answer = SecretAwayError("away")
        world.now += AGAIN
        await world.refusal(SecretAwayError)

    scenario(run)


def test_after_postgresql_refused_it_another_one_is_looked_for():
    async def run(world):
        used = await world.get()
        world.place.answer = b"next"
        assert await world.cupboard.other_than(DB, used) is None  # it was fetched just now
        world.now += AGAIN
        assert await world.cupboard.other_than(DB, used) == b"next"
        assert world.place.count == 2
        assert await world.cupboard.other_than(DB, used) == b"next"
        assert await world.cupboard.other_than(DB, b"next") is None
        assert world.place.count == 2
        world.now += AGAIN
        assert await world.cupboard.other_than(DB, b"next") is None
        world.now += AGAIN
        world.place.answer = SecretAwayError("away")
        assert await world.cupboard.other_than(DB, b"next") is None
        assert await world.get() == b"next"

    scenario(run)


def test_what_no_service_needs_is_forgotten():
    async def run(world):
        await world.get()
        world.cupboard.keep_only([DB])
        await world.get()
        assert world.place.count == 1
        world.cupboard.keep_only([])
        await world.get()
        assert world.place.count == 2

    scenario(run)


def test_a_place_that_this_edge_does_not_have_is_told():
    async def run(world):
        with pytest.raises(SecretError, match="this edge knows no Vault") as caught:
            await world.get(SecretRef("vault", "db"))
        assert "VAULT_TOKEN_FILE" in caught.value.hint
        with pytest.raises(SecretError, match="no secrets of the kind env"):
            await world.get(SecretRef("env", "db"))

    scenario(run)


def test_nothing_shows_a_secret():
    async def run(world):
        await world.get()
        assert CANARY.decode() not in repr(world.cupboard._kept)

    scenario(run)
