from datetime import timedelta

import anyio
import pytest
import sqlalchemy as sa

from pgward.ca.acts import RefusedError
from pgward.ca.identity import directory, sessions, step_ups
from pgward.ca.identity.sessions import NewSession
from pgward.ca.login import grounds
from pgward.ca.login.attempt import Ask
from pgward.ca.login.engine import Asked
from pgward.ca.login.stepping_up import SteppingUp
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.ca.store.schema import login_sessions
from pgward.core.errors import DeniedError, LoginNeededError
from tests.fixtures.ca_service import service


class Riddle:
    """A prover of two steps."""

    kind = "riddle"

    def __init__(self, factor="totp", wanted="totp"):
        self._factor, self._wanted = factor, wanted

    async def begin(self, _attempt, accepted):
        return Ask("riddle", {"n": 1}, {"step": 1}) if self._wanted in accepted else None

    async def answer(self, attempt, answer):
        if answer.get("text") != "42":
            raise RefusedError("wrong", why="wrong riddle", hint=None)
        if attempt.memory["step"] == 1:
            return Ask("riddle", {"n": 2}, {"step": 2})
        return self._factor


class Bench:
    def __init__(self, logins):
        self.desk, self.logins = logins.desk, logins
        self.declare()
        with self.desk.store.write() as transaction:
            user = directory.get(transaction.connection, "alice")
            new = NewSession(user, "jkt", "password", None, timedelta(hours=12))
            self.session, _ = sessions.start(transaction, new, now=self.desk.now())

    def declare(self, **rule):
        body = service("orders", allow={"users": ["alice"]}, stepUp=rule)
        with self.desk.store.write() as transaction:
            resources.put(transaction, kinds.read("Service", body), now=self.desk.now(), by="test")

    def begin(self, *provers):
        return anyio.run(SteppingUp(self.desk, provers or [Riddle()]).begin, self.session, "orders")

    def answer(self, flow, text="42", provers=(), session=None):
        async def answered():
            stepping = SteppingUp(self.desk, provers or [Riddle()])
            return await stepping.answer(session or self.session, flow, {"text": text})

        return anyio.run(answered)

    def proofs(self):
        with self.desk.store.read() as connection:
            return step_ups.live(connection, self.desk.now())


@pytest.fixture
def bench(logins):
    return Bench(logins)


def test_a_prover_may_ask_again_and_then_the_proof_is_kept(bench):
    first = bench.begin()
    second = bench.answer(first.flow)
    assert (second.ask.facts, bench.proofs()) == ({"n": 2, "service": "orders"}, [])
    done = bench.answer(second.flow)
    assert [done.proof] == bench.proofs()
    assert (done.service, done.proof.factor) == ("orders", "totp")


def test_the_first_prover_that_is_accepted_asks(bench):
    asked = bench.begin(Riddle(wanted="password"), Riddle())
    assert isinstance(asked, Asked)


def test_a_refusal_is_on_record_with_its_true_reason(bench):
    asked = bench.begin()
    with pytest.raises(RefusedError, match="wrong"):
        bench.answer(asked.flow, "41")
    assert bench.logins.events()[-1] == ("alice", "denied", "wrong riddle")


def test_what_changed_while_the_person_answered_counts(bench):
    flow = bench.answer(bench.begin().flow).flow
    bench.declare(factors=["webauthn"])
    with pytest.raises(DeniedError, match="does not accept totp any more"):
        bench.answer(flow)
    assert bench.proofs() == []


def test_a_session_that_ended_while_the_person_answered_proves_nothing(bench):
    flow = bench.answer(bench.begin().flow).flow
    with bench.desk.store.write() as transaction:
        sessions.end(transaction, "logout", now=bench.desk.now(), user="alice")
    with pytest.raises(LoginNeededError):
        bench.answer(flow)
    assert bench.proofs() == []


def test_what_proves_it_must_be_there_when_the_proof_is_kept(bench):
    class Racing(Riddle):
        """The password is changed just after it was found right."""

        async def answer(self, attempt, _answer):
            attempt.prove_factor(grounds.password(bench.logins.user()))
            bench.desk.clock.move(seconds=1)
            with bench.desk.store.write() as transaction:
                now = bench.desk.now()
                directory.set_password(transaction, "alice", "x", now=now)
            return "totp"

    with pytest.raises(DeniedError, match="the password was changed during the step-up"):
        bench.answer(bench.begin().flow, provers=[Racing()])
    assert bench.proofs() == []


def test_a_session_that_ended_unseen_takes_its_proofs_along(bench):
    bench.answer(bench.answer(bench.begin().flow).flow)
    with bench.desk.store.write() as transaction:
        transaction.execute(sa.update(login_sessions).values(ended_at=bench.desk.now()))
    assert bench.proofs() == []


def test_a_later_proof_takes_the_place_of_the_one_before(bench):
    bench.answer(bench.answer(bench.begin().flow).flow)
    bench.desk.clock.move(minutes=5)
    done = bench.answer(bench.answer(bench.begin().flow).flow)
    assert bench.proofs() == [done.proof]
