from dataclasses import replace

import anyio
import pytest

from pgward.ca.login import rules
from pgward.ca.login.attempt import Proven
from pgward.ca.login.engine import Asked, Engine, Started
from pgward.ca.login.factors.factor import WrongFactorError
from pgward.ca.login.gates.gate import View
from pgward.ca.login.gates.second_factor import NewSecondFactor, SecondFactor
from pgward.ca.login.method import Methods
from tests.fixtures.factors import App


@pytest.fixture
def gate(factors):
    return SecondFactor(factors.desk)


@pytest.fixture
def newcomers(factors):
    return NewSecondFactor(factors.enrolment)


@pytest.fixture
def check(logins, gate):
    """Have a gate look at an attempt, with or without a rule that requires a factor."""

    def check(attempt, *, required=False, gate=gate):
        needed = replace(rules.of_settings(logins.desk.settings), second_factor=required)
        with logins.desk.store.read() as connection:
            return gate.check(attempt, View(connection, logins.user(), needed, logins.desk.now()))

    return check


def proven(logins, *factors):
    attempt = logins.attempt()
    attempt.prove(Proven("alice", factors))
    return attempt


@pytest.mark.parametrize("method", ["password", "ldap"])
def test_who_has_one_is_asked_after_a_password(logins, factors, check, method):
    assert check(proven(logins, method)) is None
    factors.add_app()
    ask = check(proven(logins, method))
    assert (ask.kind, ask.facts) == ("second_factor", {"factors": ["totp"]})


def test_an_identity_provider_asks_itself(logins, factors, check):
    factors.add_app()
    assert check(proven(logins, "oidc")) is None
    assert check(proven(logins, "oidc"), required=True).kind == "second_factor"
    assert check(proven(logins, "oidc", "mfa"), required=True) is None


@pytest.mark.parametrize("factor", ["totp", "recovery", "webauthn"])
def test_nobody_is_asked_twice(logins, factors, check, factor):
    factors.add_app()
    assert check(proven(logins, "password", factor), required=True) is None


def test_a_right_code_is_taken(logins, factors, gate, check):
    app = factors.add_app()
    logins.desk.clock.move(seconds=30)
    attempt = proven(logins, "password")
    attempt.ask(gate.kind, check(attempt))
    with pytest.raises(WrongFactorError):
        anyio.run(gate.answer, attempt, {"factor": "totp", "code": "000000"})
    assert attempt.factors == ["password"]
    anyio.run(gate.answer, attempt, {"factor": "totp", "code": app.code()})
    assert attempt.factors == ["password", "totp"]
    assert check(attempt) is None


def test_who_needs_one_and_has_none_sets_one_up(logins, newcomers, check):
    attempt = proven(logins, "password")
    assert check(attempt, required=True) is None
    assert check(attempt, gate=newcomers) is None
    ask = check(attempt, required=True, gate=newcomers)
    assert ask.kind == "totp_enroll"
    app = App(logins.desk.clock).scan(ask.facts)
    attempt.ask(newcomers.kind, ask)
    anyio.run(newcomers.answer, attempt, {"code": app.code()})
    assert attempt.factors == ["password", "totp"]
    assert check(attempt, required=True, gate=newcomers) is None
    assert check(proven(logins, "password")).kind == "second_factor"


class Password:
    """A method that believes whatever it is told."""

    kind = "riddle"

    def offers(self, _connection):
        return []

    async def begin(self, attempt):
        return Proven(attempt.given.user, ("password",))


def test_a_whole_login_asks_for_it_and_says_so_in_the_log(logins, factors, gate):
    app = factors.add_app()
    logins.desk.clock.move(seconds=30)
    engine = Engine(logins.desk, Methods([Password()]), [gate])

    async def answer(code):
        answer = {"factor": "totp", "code": code}
        return await engine.answer(asked.flow, answer, thumbprint="jkt")

    asked = anyio.run(engine.begin, logins.attempt())
    assert isinstance(asked, Asked)
    with pytest.raises(WrongFactorError):
        anyio.run(answer, "000000")
    assert logins.events()[-1] == ("alice", "denied", "wrong or used TOTP code")
    started = anyio.run(answer, app.code())
    assert isinstance(started, Started)
    assert started.session.factors == ("password", "totp")
