"""Asking in time, with patience and within bounds; what each provider is asked is not of here."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from pgward.ca.identity import sessions
from pgward.ca.login.confirming import confirmations
from pgward.ca.login.confirming.confirmations import Confirmations
from pgward.ca.login.confirming.question import EndedError
from pgward.core.errors import LoginNeededError, NotFoundError, UnavailableError
from tests.fixtures.authority import START
from tests.fixtures.logins import REVOKER
from tests.fixtures.sessions import new_session


@dataclass
class Asked:
    """A question that answers what a test wants."""

    provider: str = "corp"
    confirmed_at: datetime = START
    every: timedelta = timedelta(minutes=10)
    grace: timedelta = timedelta(minutes=60)
    claimed: bool = True
    answer: object = None
    wait: asyncio.Event | None = None
    times: int = 0
    ids: list[str] = field(default_factory=list)

    @property
    def grace_from(self):
        return self.confirmed_at

    def claim(self):
        return self.claimed

    async def ask(self):
        self.times += 1
        if self.wait is not None:
            await self.wait.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def keep(self, _transaction, now):
        self.confirmed_at = now

    def sessions(self, _connection, _now):
        return self.ids


@dataclass
class Asker:
    questions_: list[Asked]
    concerned: bool = True
    looked: int = 0

    def concerns(self, _session):
        return self.concerned

    def questions(self, _session):
        self.looked += 1
        return self.questions_


@pytest.fixture
def world(logins, clock):
    object.__setattr__(logins.desk, "monotonic", lambda: clock.now().timestamp())

    class World:
        def __init__(self):
            self.logins = logins

        def session(self):
            with logins.desk.store.write() as transaction:
                new = new_session(logins.user())
                return sessions.start(transaction, new, now=clock.now())[0]

        def made(self, *askers):
            return Confirmations(logins.desk, REVOKER, askers)

    return World()


def confirm(made, *asked):
    async def run():
        return await asyncio.gather(*map(made.confirm, asked), return_exceptions=True)

    return asyncio.run(run())


def test_who_concerns_nobody_passes_without_a_look(world):
    asker = Asker([], concerned=False)
    assert confirm(world.made(asker), world.session()) == [None]
    assert asker.looked == 0


def test_every_provider_must_stand_by_the_person(world, clock):
    one, other = Asked("one"), Asked("other", every=timedelta(minutes=30))
    asker, session = Asker([one, other]), world.session()
    made = world.made(asker)
    clock.move(minutes=11)
    confirm(made, session)
    assert (one.times, other.times) == (1, 0)
    clock.move(minutes=5)
    confirm(made, session)
    assert asker.looked == 1
    clock.move(minutes=25)
    other.answer = EndedError("no more")
    [error] = confirm(made, session)
    assert isinstance(error, LoginNeededError)
    assert (one.times, other.times) == (2, 1)


def test_where_there_is_nothing_to_ask_the_store_is_looked_at_now_and_then(world, clock):
    asker, session = Asker([]), world.session()
    made = world.made(asker)
    for _ in range(3):
        confirm(made, session)
    assert asker.looked == 1
    clock.move(minutes=10)
    confirm(made, session)
    assert asker.looked == 2


def test_groups_are_changed_with_an_event(world, clock):
    session = world.session()
    clock.move(minutes=11)
    confirm(world.made(Asker([Asked(answer=frozenset({"dba"}))])), session)
    assert world.logins.user().groups == ("dba",)
    assert world.logins.events() == [("alice", "ok", None)]


def test_sessions_end_with_their_reason_on_record(world, clock):
    session = world.session()
    clock.move(minutes=11)
    asked = Asked(answer=EndedError("not any more", why="disabled"), ids=[session.id])
    [error] = confirm(world.made(Asker([asked])), session)
    assert isinstance(error, LoginNeededError)
    assert error.message == "not any more"
    with world.logins.desk.store.read() as connection:
        assert not sessions.is_alive(connection, session.id, clock.now())


def test_what_could_not_be_asked_is_put_up_with_for_a_while(world, clock):
    session = world.session()
    asked = Asked(answer=NotFoundError("away"))
    made = world.made(Asker([asked]))
    clock.move(minutes=70)
    assert confirm(made, session) == [None]
    assert confirm(made, session) == [None]
    assert asked.times == 1  # and not again at once
    clock.move(minutes=1)
    [error] = confirm(made, session)
    assert isinstance(error, UnavailableError)
    assert error.message == "corp has not confirmed your login for 71 minutes: away"


def test_another_replica_may_be_asking(world, clock):
    session = world.session()
    asked = Asked(claimed=False)
    made = world.made(Asker([asked]))
    clock.move(minutes=11)
    assert confirm(made, session) == [None]
    assert (asked.times, made._open) == (0, {})


def test_a_provider_that_is_slow_holds_up_the_first_only(world, clock):
    found = [world.session() for _ in range(3)]
    clock.move(minutes=11)

    async def run():
        wait = asyncio.Event()
        asked = Asked(wait=wait)
        made = world.made(Asker([asked]))
        made.patience = 0.01
        await made.confirm(found[0])
        made.patience = 3600.0
        await made.confirm(found[1])
        await made.confirm(found[1])  # waits for the answer that is on its way
        assert asked.times == 2
        wait.set()
        await asyncio.wait(made._asking.values())
        assert made._open == {}
        await made.confirm(found[2])  # and a quick one is waited for again
        assert (asked.times, made._slow, made._asking) == (2, {}, {})

    asyncio.run(run())


def test_no_more_than_so_many_are_asked_about_at_once(world, clock, monkeypatch):
    monkeypatch.setattr(confirmations, "_AT_ONCE", 2)
    found = [world.session() for _ in range(4)]
    clock.move(minutes=11)

    async def run():
        wait = asyncio.Event()
        asked = Asked(wait=wait)
        made = world.made(Asker([asked]))
        made.patience = 0.01
        await asyncio.gather(*map(made.confirm, found))
        assert asked.times == 2
        clock.move(minutes=70)
        with pytest.raises(UnavailableError, match="has not answered others yet"):
            await made.confirm(found[3])
        wait.set()
        await asyncio.wait(made._asking.values())

    asyncio.run(run())
