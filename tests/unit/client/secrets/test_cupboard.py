import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pgward.client.secrets.cupboard import AGAIN, FRESH, STALE, Cupboard
from pgward.client.secrets.provider import SecretAwayError, SecretError
from pgward.client.secrets.reference import SecretRef

DB = SecretRef("secret", "db")
CANARY = b"canary-Zx81"


class Place:
    """Answers what a test says; ``wait`` is for a place that does not answer."""

    def __init__(self):
        self.answer = CANARY
        self.count = 0
        self.refused = None
        self.wait = threading.Event()
        self.wait.set()

    def get(self, _reference, *, refused=False):
        self.count += 1
        self.refused = refused
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

    def get(self, reference=DB, **options):
        return self.cupboard.get(reference, **options)

    def refusal(self, kind):
        with pytest.raises(kind) as caught:
            self.get()
        return caught.value


@pytest.fixture
def world():
    made = World()
    yield made
    made.place.wait.set()
    made.cupboard.close()


def test_a_secret_is_asked_for_once_in_minutes(world):
    world.place.wait.clear()
    with ThreadPoolExecutor(5) as threads:
        found = [threads.submit(world.get) for _ in range(5)]
        world.place.wait.set()
        assert [each.result() for each in found] == [CANARY] * 5
    world.now += FRESH - 1
    world.place.answer = b"next"
    assert world.get() == CANARY
    assert world.place.count == 1
    world.now += 1
    world.cupboard._patience = 10
    assert world.get() == b"next"
    assert world.place.count == 2


def test_while_its_place_is_away_the_known_one_counts_for_a_day(world, caplog):
    world.cupboard._patience = 10
    world.get()
    world.place.answer = SecretAwayError("the CA is away")
    world.now += FRESH
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert world.get() == CANARY
        assert world.place.count == 2
        world.now += AGAIN
        assert world.get() == CANARY
        assert world.place.count == 3
        world.now += STALE
        world.refusal(SecretAwayError)
    assert [each.message for each in caplog.records] == [
        "the CA is away; the one that is known goes on to be used"
    ]


def test_a_place_that_does_not_answer_holds_nobody_up_who_has_a_known_one(world):
    world.get()
    world.now += FRESH
    world.place.wait.clear()
    world.place.answer = b"next"
    assert world.get() == CANARY
    world.place.wait.set()
    world.cupboard._patience = 10
    assert world.get() == b"next"
    assert world.place.count == 2


def test_a_no_is_remembered_for_some_seconds_only(world):
    world.place.answer = SecretError("there is none")
    first = world.refusal(SecretError)
    assert world.refusal(SecretError) is first
    assert world.place.count == 1
    world.place.answer = CANARY
    world.now += AGAIN
    assert world.get() == CANARY


def test_what_was_taken_away_counts_no_more(world):
    world.cupboard._patience = 10
    world.get()
    world.now += FRESH
    world.place.answer = SecretError("denied")
    world.refusal(SecretError)
    world.place.answer = SecretAwayError("away")
    world.now += AGAIN
    world.refusal(SecretAwayError)


def test_after_postgresql_refused_it_another_one_is_looked_for(world):
    assert world.get() == CANARY
    world.place.answer = b"next"
    assert world.get() == CANARY
    assert not world.place.refused
    assert world.get(fresh=True) == b"next"
    assert world.place.refused
    world.place.answer = b"third"
    assert world.get(fresh=True) == b"next"  # many may ask, as PostgreSQL refuses them all
    assert world.place.count == 2
    world.now += AGAIN
    assert world.get(fresh=True) == b"third"
    world.now += AGAIN
    world.place.answer = SecretAwayError("away")
    assert world.get(fresh=True) == b"third"


def test_what_no_service_needs_is_forgotten(world):
    world.get()
    world.cupboard.keep_only([DB])
    world.get()
    assert world.place.count == 1
    world.cupboard.keep_only([])
    world.get()
    assert world.place.count == 2


def test_a_place_that_this_edge_does_not_have_is_told(world):
    with pytest.raises(SecretError, match="this edge knows no Vault") as caught:
        world.get(SecretRef("vault", "db"))
    assert "VAULT_TOKEN_FILE" in caught.value.hint
    with pytest.raises(SecretError, match="no secrets of the kind env"):
        world.get(SecretRef("env", "db"))


def test_what_a_provider_fails_by_is_whoevers_asks_and_leaves_nothing_behind(world):
    world.place.answer = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        world.get()
    world.place.answer = CANARY
    assert world.get() == CANARY


def test_an_edge_that_stops_fetches_nothing_any_more(world):
    world.get()
    world.cupboard.close()
    assert world.get() == CANARY
    world.cupboard.keep_only([])
    with pytest.raises(SecretAwayError, match="the edge is stopping"):
        world.get()


def test_nothing_shows_a_secret(world):
    world.get()
    world.now += FRESH
    asking = world.cupboard.ask(DB)
    assert asking.known == CANARY
    assert CANARY.decode() not in f"{world.cupboard._kept}{asking}"
    asking.future.result(10)
