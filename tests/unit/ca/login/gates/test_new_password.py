from datetime import timedelta

import anyio
import pytest

from pgward.ca.identity import directory, sessions
from pgward.ca.identity.password_rules import PasswordRules
from pgward.ca.login import grounds
from pgward.ca.login.gates.gate import View
from pgward.ca.login.gates.new_password import NewPassword
from pgward.ca.login.password_change import PasswordChanges
from pgward.ca.login.rules import LoginRules
from pgward.ca.store import audit
from pgward.core.errors import DeniedError, InvalidInputError
from tests.fixtures.ca_service import PASSWORD
from tests.fixtures.logins import REVOKER
from tests.fixtures.sessions import new_session

NEW = "another good one"


@pytest.fixture
def gate(logins):
    return NewPassword(logins.desk, PasswordChanges(logins.desk, REVOKER))


def check(logins, gate, attempt, **rules):
    with logins.desk.store.read() as connection:
        view = View(connection, logins.user(), LoginRules(**rules), logins.desk.now())
        return gate.check(attempt, view)


def answer(gate, attempt, password):
    anyio.run(gate.answer, attempt, {"password": password})


@pytest.fixture
def forced(logins, change):
    change(directory.set_must_change, logins.user(), True)
    return logins.proven()


def test_without_a_cause_nothing_is_asked(logins, gate):
    assert check(logins, gate, logins.proven()) is None


def test_an_administrator_may_want_another_password(logins, gate, forced):
    ask = check(logins, gate, forced)
    assert (ask.kind, ask.facts["why"]) == ("new_password", "your password must be changed")
    assert "at least 8 letters" in ask.facts["rules"]
    before = forced.grounds
    logins.desk.clock.move(seconds=1)
    answer(gate, forced, NEW)
    assert check(logins, gate, forced) is None
    assert forced.grounds == [before[0], grounds.password(logins.user())]
    assert forced.grounds != before
    assert not logins.user().must_change_password
    assert logins.events() == [("alice", "ok", None)]
    with logins.desk.store.read() as connection:
        encoded = directory.password_hash(connection, "alice")
    assert logins.desk.workers.passwords.verify(encoded, NEW)


def test_the_change_ends_the_persons_other_logins(logins, gate, forced):
    with logins.desk.store.write() as transaction:
        new = new_session(logins.user())
        made = [sessions.start(transaction, new, now=logins.desk.now())[0] for _ in range(2)]
    answer(gate, forced, NEW)
    with logins.desk.store.read() as connection:
        now = logins.desk.now()
        assert not any(sessions.is_alive(connection, each.id, now) for each in made)
        [event] = audit.events(connection, after=0)
    assert event["details"] == {"at_login": True, "sessions": 2, "revoked": 0}


def test_a_password_may_be_too_old(logins, gate):
    rules = {"password": PasswordRules(max_age=timedelta(days=90))}
    attempt = logins.proven()
    assert check(logins, gate, attempt, **rules) is None
    logins.desk.clock.move(days=91)
    ask = check(logins, gate, attempt, **rules)
    assert ask.facts["why"] == "your password is too old, and must be changed"
    answer(gate, attempt, NEW)
    assert check(logins, gate, attempt, **rules) is None


def test_nobody_is_kept_out_for_a_list_that_is_not_there(logins, gate, forced):
    rules = {"password": PasswordRules(max_age=timedelta(days=90), breach_list=True)}
    assert check(logins, gate, forced, **rules) is not None  # somebody else knows that one
    with logins.desk.store.write() as transaction:
        directory.set_must_change(transaction, logins.user(), False)
    logins.desk.clock.move(days=91)
    assert check(logins, gate, logins.proven(), **rules) is None


def test_who_came_without_a_password_is_not_asked_for_one(logins, gate, forced):
    forced.factors = ["oidc"]
    assert check(logins, gate, forced) is None


@pytest.mark.parametrize(
    ("password", "message"),
    [(PASSWORD, "the new password is the old one"), ("short", "5 letters"), (None, "password")],
)
def test_what_is_no_new_password(gate, forced, password, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        answer(gate, forced, password)
    assert PASSWORD not in str(caught.value)


def test_a_proof_by_the_password_before_sets_none(logins, gate, forced, change):
    again = logins.proven()
    logins.desk.clock.move(seconds=1)
    answer(gate, forced, NEW)
    with pytest.raises(DeniedError, match="changed during the login"):
        answer(gate, again, "yet another one")
    change(directory.remove, "alice")
    with pytest.raises(DeniedError, match="removed during the login"):
        answer(gate, forced, "yet another one")
