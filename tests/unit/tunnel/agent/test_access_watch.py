"""The agent and access that ends: a CA that is played, a clock that a test moves."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.client.services import Access, ServiceInfo
from pgward.core.errors import UnavailableError
from pgward.tunnel.agent.access_watch import ASK_SECONDS, RETRY_SECONDS, AccessWatch
from pgward.tunnel.agent.notices import Notice
from tests.fixtures.authority import MovableClock

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORDERS = ServiceInfo("orders", "", "tcp", "db", None, "verify-full", ())
ENDED = {"end_reason": "revoked", "ended_by": "bob", "problem": None, "ended_at": "x"}
SOON = Notice("pgward: orders", "your access to orders ends in 5 minutes")
OVER = "your access to orders has ended"


def granted(**left: float) -> ServiceInfo:
    return replace(ORDERS, access=Access(NOW + timedelta(**left), None, (), ""))


@dataclass
class Ca:
    """What a login session gets of the CA."""

    found: list[ServiceInfo] = field(default_factory=list)
    ended: list[dict] = field(default_factory=list)
    is_away: bool = False
    asked: int = 0

    def services(self) -> list[ServiceInfo]:
        self.asked += 1
        if self.is_away:
            raise UnavailableError("the CA is away")
        return self.found

    def ended_grants(self, service: str) -> list[dict]:
        assert service == "orders"
        if self.is_away:
            raise UnavailableError("the CA is away")
        return self.ended


@dataclass
class Loop:
    now: float = 0.0

    def time(self) -> float:
        return self.now


@dataclass
class Bench:
    ca: Ca = field(default_factory=Ca)
    clock: MovableClock = field(default_factory=lambda: MovableClock(NOW))
    loop: Loop = field(default_factory=Loop)
    told: list[Notice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = AccessWatch(self.clock, self.loop, self.told.append)

    def looks(self, seconds: float = 0, login: str = "a") -> list[Notice]:
        """Let time pass, and return what is told then."""
        self.loop.now += seconds
        self.clock.move(seconds=seconds)
        self.told.clear()
        if self.watch.is_due(login):
            asyncio.run(self.watch.ask(self.ca))
        return self.told


def test_the_ca_is_asked_at_the_login_and_then_now_and_then():
    bench = Bench()
    for _ in range(5):
        assert bench.looks(3) == []
    assert bench.ca.asked == 1
    bench.looks(1.2 * ASK_SECONDS)
    assert bench.ca.asked == 2
    bench.looks(login="another")
    assert bench.ca.asked == 3


def test_a_person_hears_of_an_end_ahead_and_at_the_end_why():
    bench = Bench(Ca([granted(minutes=10)], [ENDED]))
    assert bench.looks() == []
    assert bench.looks(5 * 60) == [SOON]
    assert bench.looks(3) == []
    bench.ca.found = []
    words = f"{OVER}: it was revoked, by bob; pgward request orders"
    assert bench.looks(5 * 60) == [Notice("pgward: orders", words, urgent=True)]
    assert bench.looks(3) == []


def test_one_that_was_extended_meanwhile_is_not_told_of():
    bench = Bench(Ca([granted(minutes=10)]))
    bench.looks()
    bench.ca.found = [granted(minutes=20)]
    assert bench.looks(5 * 60) == []
    assert bench.looks(10 * 60) == [SOON]


def test_while_the_ca_is_away_it_is_told_by_what_was_known():
    bench = Bench(Ca([granted(minutes=10)], [ENDED]))
    bench.looks()
    bench.ca.is_away = True
    assert bench.looks(5 * 60) == [SOON]
    assert bench.looks(3) == []
    over = Notice("pgward: orders", f"{OVER}; pgward request orders", urgent=True)
    assert bench.looks(5 * 60) == [over]
    asked = bench.ca.asked
    bench.looks(RETRY_SECONDS / 2)
    assert bench.ca.asked == asked


def test_who_may_use_a_service_anyhow_hears_what_has_ended():
    bench = Bench(Ca([granted(minutes=10)]))
    bench.looks()
    bench.ca.found = [ORDERS]
    (notice,) = bench.looks(10 * 60)
    assert notice.body == "what you were granted at orders has ended; pgward request orders"


def test_what_an_edge_says_of_it_has_the_ca_asked_at_once():
    bench = Bench(Ca([granted(hours=1)], [ENDED]))
    assert not bench.watch.hears("orders", OVER)
    bench.looks()
    assert not bench.watch.hears("orders", "your account is blocked")
    assert not bench.watch.hears("billing", OVER)
    assert bench.watch.hears("orders", OVER)
    bench.ca.found = []
    assert [OVER in notice.body for notice in bench.looks()] == [True]


@pytest.mark.parametrize("found", [[], [granted(hours=1)]])
def test_an_answer_for_whoever_was_logged_in_before_says_nothing(found):
    bench = Bench(Ca([granted(minutes=4)]))

    def services() -> list[ServiceInfo]:
        bench.watch.is_due("another")
        return found

    bench.ca.services = services
    assert bench.looks() == []
    assert not bench.watch.hears("orders", OVER)
