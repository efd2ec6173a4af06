import threading
from datetime import timedelta

import pytest

from pgward.connector import keeper as module
from pgward.connector.keeper import HEALTH_SECONDS, LOOK_SECONDS, Condition, Keeper, state_of
from pgward.connector.lock import HeldError
from pgward.connector.server import StandbyError
from pgward.core.errors import DeniedError, PgwardError, UnavailableError
from tests.fixtures.connectors import (
    NOW,
    Came,
    FakeTicks,
    Ran,
    assignment,
    grant_fields,
    heard_clock,
)
from tests.fixtures.waiting import eventually

LOOKED = 7.0


class Server:
    version = 16
    notes = ()
    takes = 0
    lost = False
    waits = True

    def __init__(self, settings):
        self.settings, self.closed, self.looks = settings, False, []

    def hold(self):
        pass

    def is_lost(self):
        return self.lost

    def look(self, longest=LOOKED):
        self.looks.append(longest)
        return 1 if self.waits and not longest else 0

    def close(self):
        self.closed = True


class World:
    """A keeper, whose turns a test calls, and what provisioning says to it."""

    def __init__(self):
        self.ticks = FakeTicks()
        self.clock = heard_clock(self.ticks)
        self.servers, self.calls, self.reports = [], [], []
        self.came = Came()
        self.during = lambda: None
        self.keeper = Keeper(
            "shop-db",
            clock=self.clock,
            open_server=self.open,
            reconcile=self.reconcile,
            report=self.reports.append,
            monotonic=lambda: self.ticks.seconds,
        )

    def open(self, settings):
        self.servers.append(Server(settings))
        return self.servers[-1]

    def reconcile(self, _server, integration, wanted, *, give):
        self.calls.append((integration, [each.id for each in wanted.grants], give))
        self.during()
        if isinstance(self.came, Exception):
            raise self.came
        return self.came

    def tell(self, *grants, spoken=True, **changes):
        self.keeper.tell(assignment(*grants, **changes), 1, spoken=spoken)

    def turn(self):
        self.keeper.turn()
        return self.keeper.due_in()

    @property
    def told(self):
        return [(each["id"], each["state"]) for one in self.reports for each in one["grants"]]


@pytest.fixture
def world():
    return World()


def test_without_the_authoritys_word_nothing_is_done(world):
    world.turn()
    assert world.calls == []
    assert world.keeper.facts()["state"] == "away"


def test_what_is_wanted_is_made_and_told(world):
    world.tell(grant_fields())
    world.came = Came(active=frozenset({"g1"}), statements=(Ran(),))
    assert world.turn() == LOOK_SECONDS
    assert (world.calls, world.told) == ([("shop-db", ["g1"], True)], [("g1", "active")])
    assert world.reports[0]["health"]["state"] == "ok"
    assert world.reports[0]["statements"][0]["sql"] == "select 1"
    assert world.keeper.facts() == {
        "integration": "shop-db",
        "ok": True,
        "state": "ok",
        "problem": None,
        "server": "db1.internal:5432",
        "server_version": 16,
        "grants": 1,
        "next_end": "2026-03-01T13:00:00Z",
        "last_good": "2026-03-01T12:00:00Z",
        "turns": 1,
    }


def test_from_disk_it_only_takes_away(world):
    world.tell(grant_fields(), spoken=False)
    world.turn()
    world.tell(grant_fields())
    world.turn()
    world.tell(grant_fields(), spoken=False)
    world.turn()
    assert [give for *_, give in world.calls] == [False, True, True]


def test_a_turn_is_due_at_the_end_of_a_grant(world):
    world.tell(grant_fields(until=NOW + timedelta(seconds=20)), grant_fields("g2"))
    assert world.turn() == 20
    world.ticks.sleep(20)
    assert world.keeper.due_in() == 0
    assert world.turn() == LOOK_SECONDS
    assert [ids for _, ids, _ in world.calls] == [["g1", "g2"], ["g2"]]
    assert world.told == [("g1", "ended")]


def test_an_end_during_a_turn_is_the_next_ones_at_once(world):
    world.tell(grant_fields(until=NOW + timedelta(seconds=1)))
    world.during = lambda: world.ticks.sleep(3)
    assert world.turn() == -2
    world.during = lambda: None
    assert world.turn() == LOOK_SECONDS


def test_a_wall_clock_that_jumps_ends_nothing_and_keeps_nothing(world):
    world.tell(grant_fields(until=NOW + timedelta(seconds=20)))
    world.turn()
    world.ticks.wall += timedelta(days=3)
    assert world.keeper.due_in() == 20
    world.ticks.wall -= timedelta(days=30)
    world.ticks.sleep(20)
    world.turn()
    assert world.calls[-1] == ("shop-db", [], True)


@pytest.mark.parametrize(
    ("error", "state", "longest"),
    [
        (UnavailableError("it is away"), "away", 2),
        (StandbyError("a standby"), "standby", 2),
        (HeldError("c2 works it"), "locked", 3),
        (DeniedError("wrong password"), "refused", 15),
        (PgwardError("odd"), "failing", 3),
        (ZeroDivisionError("odd"), "failing", 3),
    ],
)
def test_what_hinders_it_is_told_once_and_tried_again(world, error, state, longest):
    world.tell(grant_fields())
    world.came = error
    pauses = [world.turn() for _ in range(10)]
    assert (pauses[0], pauses[-1]) == (0.25, longest)
    assert pauses == sorted(pauses)
    assert [each["health"]["state"] for each in world.reports] == [state]
    assert (state_of(error), world.keeper.facts()["ok"]) == (state, False)
    world.came = Came(active=frozenset({"g1"}))
    world.turn()
    assert world.reports[-1]["health"]["state"] == "ok"
    assert world.told == [("g1", "active")]


def test_what_is_left_is_tried_again_soon(world):
    world.tell(grant_fields())
    world.came = Came(left=frozenset({"alice"}))
    assert [world.turn() for _ in range(8)] == [0.25, 0.5, 1, 2, 3, 3, 3, 3]


def test_a_look_that_takes_long_is_taken_less_often(world):
    world.tell(grant_fields())
    world.during = lambda: world.ticks.sleep(10)
    assert world.turn() == 200


def test_nothing_new_is_told_from_time_to_time_only(world):
    world.tell(grant_fields())
    world.came = Came(active=frozenset({"g1"}))
    for _ in range(3):
        world.turn()
    assert len(world.reports) == 1
    world.ticks.sleep(HEALTH_SECONDS)
    world.turn()
    assert (len(world.reports), world.told) == (2, [("g1", "active")])


def test_an_authority_that_was_away_is_told_everything_again(world):
    world.tell(grant_fields())
    world.came = Came(active=frozenset({"g1"}))
    world.turn()
    world.keeper.retell()
    world.turn()
    assert world.told == [("g1", "active")] * 2


def test_a_word_that_cannot_be_read_leaves_the_one_before_in_force(world):
    world.tell(grant_fields())
    world.keeper.tell_unread("the CA is newer")
    world.turn()
    assert world.calls == [("shop-db", ["g1"], True)]
    assert world.keeper.condition == Condition("ok", "the CA is newer", 16)
    assert not world.keeper.facts()["ok"]


def test_what_is_odd_about_a_server_is_told(world):
    world.tell(grant_fields())
    world.came = Came(problems=("bob owns a table",))
    Server.notes = ("a stranger has the lock",)
    try:
        world.turn()
    finally:
        Server.notes = ()
    assert world.keeper.condition.problem == "a stranger has the lock; bob owns a table"


def test_other_settings_are_another_server(world):
    world.tell()
    world.turn()
    world.turn()
    world.tell(host="db2.internal")
    world.turn()
    assert [each.settings.host for each in world.servers] == ["db1.internal", "db2.internal"]
    assert [each.closed for each in world.servers] == [True, False]


def test_its_thread_is_woken_by_news_and_ends_when_told(world, monkeypatch):
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.01)
    world.keeper.start()
    world.tell(grant_fields())
    eventually(lambda: world.keeper.turns >= 1 and world.calls)
    before = len(world.calls)
    world.tell()
    eventually(lambda: len(world.calls) > before)
    world.keeper.look()
    world.keeper.stop()
    assert world.keeper.join(20)
    assert (world.servers[0].closed, world.servers[0].looks) == (True, [LOOKED])


def test_a_word_with_nothing_new_in_it_wakes_nobody(world):
    woken = world.keeper._woken
    world.tell(grant_fields(), spoken=False)
    world.tell(grant_fields())  # now the authority has spoken
    assert woken.is_set()
    woken.clear()
    world.keeper.tell(assignment(grant_fields(), version=7), 7, spoken=True)
    assert not woken.is_set()
    world.keeper.tell_unread("odd")
    woken.clear()
    world.tell(grant_fields())
    assert woken.is_set()


def test_a_long_turn_gives_way_to_an_end(world):
    ends = NOW + timedelta(seconds=20)
    world.tell(grant_fields(until=ends), grant_fields("g2"))
    world.came = UnavailableError("hung up")

    def delayed():
        world.ticks.sleep(19)
        world.keeper.look()
        assert world.servers[0].looks == [LOOKED]
        world.ticks.sleep(1)
        world.keeper.look()
        assert world.servers[0].looks == [LOOKED, LOOKED, 0.0]

    world.during = delayed
    assert world.turn() == 0
    assert world.reports == []
    world.during, world.came = (lambda: None), Came(active=frozenset({"g2"}))
    assert world.turn() == LOOK_SECONDS
    assert world.told == [("g2", "active"), ("g1", "ended")]


def test_a_revocation_is_an_end_too_and_a_short_turn_is_left_alone(world):
    world.tell(grant_fields())
    world.came = UnavailableError("hung up")

    def revoked():
        world.tell(ending=({"id": "g1", "role": "alice"},))
        world.keeper.look()
        world.ticks.sleep(1)
        world.keeper.look()

    world.during = revoked
    assert world.turn() == 0
    assert world.servers[0].looks == [LOOKED, LOOKED, 0.0]


def test_a_server_that_hung_up_is_looked_at_but_not_without_end(world):
    world.keeper.tell(assignment(grant_fields()), 1, spoken=True)
    world.keeper.turn()
    world.keeper._woken.clear()
    world.keeper.look()
    assert not world.keeper._woken.is_set()
    world.servers[0].lost = True
    world.keeper.look()
    assert not world.keeper._woken.is_set()  # it was looked at just now
    world.ticks.sleep(2)
    world.keeper.look()
    assert world.keeper._woken.is_set()


def test_who_takes_a_server_gives_nothing_before_the_authority_has_spoken(world, monkeypatch):
    asked = []
    world.keeper._ask = lambda: asked.append(1)
    world.keeper.tell(assignment(grant_fields()), 1, spoken=True)
    monkeypatch.setattr(Server, "takes", 1)
    world.keeper.turn()
    world.keeper._woken.clear()
    world.keeper.confirm()
    assert world.keeper._woken.is_set()
    world.keeper._woken.clear()
    world.keeper.confirm()
    assert not world.keeper._woken.is_set()
    world.keeper.turn()
    world.servers[0].takes = 2  # somebody else had it meanwhile
    world.keeper.turn()
    world.keeper.turn()
    world.keeper.tell(assignment(grant_fields(), host="db2"), 2, spoken=True)
    world.keeper.confirm()
    world.keeper.turn()
    assert [give for *_, give in world.calls] == [False, True, False, False, False]
    assert len(asked) == 4


def test_news_that_only_give_disturb_no_turn(world):
    world.tell(grant_fields())

    def more():
        world.tell(grant_fields(), grant_fields("g2"))
        world.ticks.sleep(5)
        world.keeper.look()

    world.during = more
    world.turn()
    world.keeper.look()
    assert world.servers[0].looks == [LOOKED, LOOKED]


def test_a_turn_that_does_not_end_is_hung_up_on(world):
    held = threading.Event()
    began = threading.Event()

    def hang():
        began.set()
        held.wait(20)

    world.during = hang
    world.tell()
    world.keeper.start()
    assert began.wait(20)
    world.servers[0].look = lambda _longest: held.set()
    world.keeper.stop()
    assert not world.keeper.join(0.01)
    assert held.is_set()


def test_a_keeper_that_never_began_has_ended(world):
    assert world.keeper.join(0)
