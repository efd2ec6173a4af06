from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.agent import ending
from pgward.hba.agent.backends import REVOKED_WHY, Backend, Revoked, Verdicts
from pgward.hba.agent.duty import Done, Turn
from pgward.hba.agent.ending import Ending

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TURN = Turn(NOW)
SERIAL = 2**100 + 1


def backend(pid=1, serial=SERIAL, subject="/CN=alice"):
    return Backend(pid, f"began-{pid}", "app", "orders", "10.0.0.1:5", serial, "/CN=CA", subject)


class World:
    """A server, the CA's word, lists and a spool."""

    def __init__(self):
        self.live = []
        self.told = []
        self.obeys = True
        self.away = None
        self.refusal = None
        self.verdicts = Verdicts()
        self.lists = [Revoked()]
        self.broken = None
        self.events = []
        self.seen = []
        self.closed = False
        self.hindrance = None
        self.time = 0.0

    def every(self):
        if self.away:
            raise self.away
        return list(self.live)

    def end(self, backend):
        if self.refusal:
            raise self.refusal
        self.told.append(backend.pid)
        was_there = backend in self.live
        if self.obeys and was_there:
            self.live.remove(backend)
        return was_there

    def close(self):
        self.closed = True

    def saw(self, backends):
        self.seen.append([each.pid for each in backends])

    def append(self, event):
        self.events.append(event)

    def revoked(self):
        if self.broken:
            raise self.broken
        return self.lists


@pytest.fixture
def world():
    return World()


@pytest.fixture
def make(world):
    return lambda: Ending(
        world, world, world.revoked, world, host="db1", monotonic=lambda: world.time
    )


@pytest.fixture
def duty(make):
    return make()


def over(*backends):
    return Verdicts({each.serial_hex: "the login session was ended" for each in backends})


def test_nothing_to_do(world, duty):
    world.live = [backend()]
    assert duty.run(TURN) == Done(ending.SWEEP_SECONDS)
    assert world.told == []
    assert world.seen == [[1]]


def test_a_session_is_told_recorded_and_seen_to_be_gone(world, duty, caplog):
    caplog.set_level("INFO")
    one, other = backend(1), backend(2, serial=SERIAL + 1)
    world.live = [one, other]
    world.verdicts = over(one)
    assert duty.run(TURN) == Done(ending.GONE_SECONDS)
    assert (world.told, duty.ended) == ([1], 1)
    (event,) = world.events
    del event["id"]
    assert event == {
        "time": "2026-01-01T00:00:00.000Z",
        "actor": "alice",
        "action": "session.cut",
        "outcome": "ok",
        "target": "orders",
        "reason": "the login session was ended",
        "client": "10.0.0.1:5",
        "details": {
            "host": "db1",
            "role": "app",
            "pid": 1,
            "began": "began-1",
            "serial": one.serial_hex,
        },
    }
    assert duty.run(TURN) == Done(ending.SWEEP_SECONDS)
    assert "session 1 of alice as app is gone" in caplog.text


def test_the_lists_suffice_without_the_ca(world, duty):
    world.live = [backend(1)]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
    world.lists = [Revoked({SERIAL: [name]})]
    duty.run(TURN)
    assert world.told == [1]
    assert world.events[0]["reason"] == REVOKED_WHY


def test_the_cas_word_suffices_without_lists(world, duty):
    world.live = [backend()]
    world.verdicts = over(backend())
    world.broken = PgwardError("the disk is broken")
    assert duty.run(TURN) == Done(ending.GONE_SECONDS, ("the disk is broken",))
    assert world.told == [1]


def test_one_that_does_not_end_is_told_again_and_reported_once(world, duty):
    world.live = [backend()]
    world.verdicts = over(backend())
    world.obeys = False
    assert duty.run(TURN).problems == ()
    world.time = ending.STUBBORN_SECONDS
    problem = "session 1 of alice as app was told to end and goes on (the login session was ended)"
    for _ in range(2):
        assert duty.run(TURN) == Done(ending.SWEEP_SECONDS, (problem,))
    assert world.told == [1, 1, 1]
    assert [event["outcome"] for event in world.events] == ["ok", "failed"]
    assert duty.ended == 1
    world.live = []
    assert duty.run(TURN) == Done(ending.SWEEP_SECONDS)


def test_a_kill_between_the_record_and_the_end_loses_and_doubles_nothing(world, make):
    class Killed(BaseException):
        pass

    real = world.end

    def killed(_):
        raise Killed

    world.live = [backend(1), backend(2, serial=SERIAL + 1)]
    world.verdicts = over(*world.live)
    world.end = killed
    with pytest.raises(Killed):
        make().run(TURN)
    world.end = real
    make().run(TURN)
    assert world.told == [1, 2]
    ids = [event["id"] for event in world.events]
    assert (len(ids), len(set(ids))) == (3, 2)  # the CA counts an id once


def test_one_that_went_by_itself_is_none_that_was_ended(world, duty):
    world.verdicts = over(backend())
    world.live = [backend()]
    world.end = lambda _: False
    duty.run(TURN)
    assert duty.ended == 0


def test_one_that_may_not_be_ended_holds_up_no_other(world, duty):
    world.live = [backend(1), backend(2)]
    world.verdicts = over(backend())
    real = world.end

    def end(backend):
        if backend.pid == 1:
            raise PgwardError("must be a superuser")
        return real(backend)

    world.end = end
    problem = "session 1 of alice as app goes on: must be a superuser"
    assert duty.run(TURN).problems == (problem,)
    assert world.told == [2]


def test_what_would_hinder_it_is_told_before_anyone_must_go(world, duty):
    world.hindrance = "the role may end no session"
    assert duty.run(TURN) == Done(ending.SWEEP_SECONDS, ("the role may end no session",))


def test_a_server_that_is_away_is_the_turns_failure(world, duty):
    world.away = UnavailableError("PostgreSQL does not run")
    with pytest.raises(UnavailableError):
        duty.run(TURN)


def test_whoever_a_certificate_does_not_name_is_unknown(world, duty):
    strange = backend(subject="/O=Acme")
    world.live = [strange]
    world.verdicts = over(strange)
    duty.run(TURN)
    assert world.events[0]["actor"] == "unknown"


def test_the_way_to_the_server_is_closed(world, duty):
    duty.close()
    assert world.closed
