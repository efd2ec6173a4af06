import threading
from datetime import timedelta

import pytest

from pgward.connector import feed as module
from pgward.connector.feed import WAIT, Feed, StaleError
from pgward.connector.keeping import Keeping
from pgward.core.errors import DeniedError, UnavailableError
from tests.fixtures.connectors import (
    NOW,
    FakeTicks,
    answer,
    grant_fields,
    heard_clock,
    integration_fields,
)


class Ca:
    """Gives answers in turn, then nothing."""

    def __init__(self):
        self.answers, self.asked = [], []
        self.drained = threading.Event()

    def renew_if_due(self):
        return False

    def wanted(self, after, tag, wait):
        self.asked.append((after, tag, wait))
        if not self.answers:
            self.drained.set()
            threading.Event().wait(0.01)
            return {}
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


class World:
    def __init__(self, directory):
        self.directory, self.ca, self.ticks = directory, Ca(), FakeTicks()
        self.told, self.kept, self.returns, self.words = [], [], 0, 0
        self.begin()

    def begin(self):
        self.clock = module.CaClock(self.ticks.ticks())
        self.feed = Feed(
            self.ca,
            self.clock,
            Keeping(self.directory),
            on_kept=self.kept.append,
            on_told=self.told.append,
            on_return=self.returned,
            on_word=self.heard,
        )
        self.feed.load_kept()

    def heard(self):
        self.words += 1

    def returned(self):
        self.returns += 1


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


SHOP = integration_fields(grant_fields())


def test_the_first_question_is_answered_at_once_and_the_next_ones_wait(world):
    world.ca.answers = [answer(SHOP, version=5)]
    world.feed.poll()
    world.feed.poll()
    assert world.ca.asked == [(0, None, 0), (5, "t1", WAIT)]
    assert (world.told, world.feed.version, world.feed.spoken) == ([{"shop-db": SHOP}], 5, True)
    assert (world.clock.now(), world.returns) == (NOW, 1)


def test_another_process_begins_with_what_was_kept_and_asks_for_all_of_it(world):
    world.ca.answers = [answer(SHOP, version=5)]
    world.feed.poll()
    world.ticks.sleep(30)
    world.begin()
    assert (world.kept, world.feed.spoken) == ([{"shop-db": SHOP}], False)
    assert world.clock.now() == NOW + timedelta(seconds=30)
    world.feed.poll()
    assert world.ca.asked[-1] == (0, None, 0)


def test_an_older_word_than_the_one_at_hand_is_not_taken(world):
    world.ca.answers = [answer(SHOP, version=5), answer(version=4), answer(version=5)]
    world.feed.poll()
    world.begin()
    with pytest.raises(StaleError, match=r"older \(4\) than what it told before \(5\)"):
        world.feed.poll()
    assert not world.feed.spoken
    world.feed.poll()
    assert (world.told[1:], world.feed.spoken) == ([{}], True)


@pytest.mark.parametrize("reply", [{"version": 1}, {"version": "x"}, answer() | {"now": "x"}])
def test_an_answer_that_cannot_be_read_changes_nothing(world, reply):
    world.ca.answers = [reply]
    with pytest.raises(UnavailableError):
        world.feed.poll()
    assert (world.told, world.feed.spoken, world.feed.connected) == ([], False, False)


def test_a_damaged_clock_is_told_of_and_no_more(world, caplog):
    keeping = Keeping(world.directory)
    keeping.keep(3, {"now": "x"}, {"shop-db": SHOP})
    world.begin()
    assert "clock that was kept cannot be read" in caplog.text
    assert (world.clock.now(), world.kept) == (None, [{"shop-db": SHOP}])


def test_an_authority_that_was_away_is_told_of_once_and_asked_for_everything(
    world, caplog, monkeypatch
):
    monkeypatch.setattr(module, "SHORTEST_PAUSE", 0.001)
    monkeypatch.setattr(module, "BETWEEN_SECONDS", 0.0)
    away = UnavailableError("it is away", hint="look")
    world.ca.answers = [
        answer(SHOP, version=5),
        *[away] * 3,
        DeniedError("no"),
        ZeroDivisionError("x"),
        answer(SHOP, version=6),
    ]
    world.feed.start()
    assert world.ca.drained.wait(20)
    world.feed.stop()
    assert (world.returns, world.feed.version) == (2, 6)
    assert caplog.text.count("it is away; look") == 1
    assert "cannot be used for now: no" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert world.ca.asked[1:3] == [(5, "t1", WAIT), (0, None, 0)]


def test_a_clock_is_kept_though_nothing_is_new(world):
    world.ca.answers = [answer(SHOP, version=5)]
    for _ in range(6):
        world.feed.poll()
        world.ticks.sleep(20)
    kept = Keeping(world.directory).load()
    assert kept.version == 5
    assert kept.clock == heard_clock(world.ticks, NOW + timedelta(seconds=120)).to_json() | {
        "now": "2026-03-01T12:01:40.000000Z",
        "wall": "2026-03-01T12:01:40.000000Z",
        "seconds": 1100.0,
    }


def test_an_answer_is_a_word_unless_it_lay_somewhere(world):
    world.feed.poll()
    assert world.words == 1
    world.ca.answers = [UnavailableError("the CA is away")]
    with pytest.raises(UnavailableError):
        world.feed.poll()
    assert world.words == 1
    wanted = world.ca.wanted

    def slept(*asked):
        world.ticks.sleep(module.STALE_SECONDS)
        return wanted(*asked)

    world.ca.wanted = slept
    world.feed.poll()
    assert world.words == 1


def test_the_authority_is_asked_at_once_whether_there_are_news(world):
    def asked():
        world.feed.ask()
        with world.feed._asking:
            return world.words

    assert asked() == 0  # it is not there
    world.ca.answers = [answer(SHOP, version=5)]
    world.feed.poll()
    assert asked() == 2
    assert world.ca.asked[-1] == (5, "t1", 0)
    world.ca.answers = [answer(SHOP, version=6, tag="t2")]
    assert asked() == 2  # the poll brings them
    world.ca.answers = [UnavailableError("the CA is away")]
    assert asked() == 2
    with world.feed._asking:
        world.feed.ask()
    assert len(world.told) == 1
