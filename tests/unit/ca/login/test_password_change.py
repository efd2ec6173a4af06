"""Former passwords, and what ends with a change; through the API, too."""

import anyio
import pytest

from pgward.ca.identity import directory, password_history, sessions
from pgward.ca.login.password_change import PasswordChanges
from pgward.ca.resources import kinds, stored
from pgward.core.errors import InvalidInputError
from tests.fixtures.ca_service import PASSWORD, Device
from tests.fixtures.logins import REVOKER
from tests.fixtures.sessions import new_session

OTHERS = ["the second one", "the third one", "the fourth one"]


@pytest.fixture
def changes(logins):
    return PasswordChanges(logins.desk, REVOKER)


@pytest.fixture
def rule(logins):
    def rule(history):
        spec = {"appliesTo": {"everyone": True}, "password": {"history": history}}
        body = {"kind": "LoginRule", "metadata": {"name": "r1"}, "spec": spec}
        with logins.desk.store.write() as transaction:
            wanted = kinds.read("LoginRule", body)
            stored.put(transaction, wanted, now=logins.desk.now(), by="test")

    return rule


@pytest.fixture
def replace_by(logins, changes):
    def replace_by(password, **how):
        encoded = logins.desk.workers.passwords.hash(password)
        with logins.desk.acts.act("alice", "user.password") as act:
            changes.store(act, "ALICE", encoded, "changed", **how)
            return act.details

    return replace_by


def refused(changes, password):
    try:
        anyio.run(changes.refuse_former, "alice", password)
    except InvalidInputError as error:
        return error.message
    return None


def test_so_many_passwords_do_not_come_back(changes, rule, replace_by):
    rule(3)
    for each in OTHERS:
        replace_by(each)
    assert refused(changes, OTHERS[2]) == "the password is one of your last 3"
    assert refused(changes, OTHERS[0]) == "the password is one of your last 3"
    assert refused(changes, PASSWORD) is None
    rule(2)
    assert refused(changes, OTHERS[0]) is None


def test_without_a_rule_nothing_is_kept_or_refused(changes, replace_by, logins):
    replace_by(OTHERS[0])
    assert refused(changes, OTHERS[0]) is None
    with logins.desk.store.read() as connection:
        assert password_history.former(connection, "alice", 24) == []


def test_who_has_no_password_had_none(changes, rule, logins, change):
    rule(3)
    change(directory.add, directory.NewUser("bob"), now=logins.desk.now(), by="test")
    anyio.run(changes.refuse_former, "bob", PASSWORD)


def test_all_other_sessions_end_and_are_counted(logins, replace_by):
    with logins.desk.store.write() as transaction:
        new = new_session(logins.user())
        kept, other = (
            sessions.start(transaction, new, now=logins.desk.now())[0].id for _ in range(2)
        )
    assert replace_by(OTHERS[0], keep=kept, must_change=True) == {"sessions": 1, "revoked": 0}
    assert logins.user().must_change_password
    with logins.desk.store.read() as connection:
        assert sessions.is_alive(connection, kept, logins.desk.now())
        assert not sessions.is_alive(connection, other, logins.desk.now())


def test_through_the_api(api, admin, alice):
    spec = {"appliesTo": {"groups": ["dba"]}, "password": {"history": 2}}
    body = {"kind": "LoginRule", "metadata": {"name": "r1"}, "spec": spec}
    assert admin.call("PUT", "/v1/resources/LoginRule/r1", body).status_code == 200

    def change(old, new):
        return alice.call("POST", "/v1/me/password", {"old": old, "new": new})

    again = change(PASSWORD, PASSWORD)
    assert (again.status_code, again.json()["error"]["message"]) == (
        422,
        "the password is one of your last 2",
    )
    elsewhere = api.device("alice")
    elsewhere.certificate()
    assert change(PASSWORD, OTHERS[0]).json() == {"revoked": 1}
    assert elsewhere.call("GET", "/v1/me").status_code == 401
    assert alice.call("GET", "/v1/me").status_code == 200
    event = [each for each in api.events() if each["action"] == "user.password"][-1]
    assert event["details"] == {"sessions": 1, "revoked": 1}
    assert change(OTHERS[0], PASSWORD).status_code == 422
    # An administrator is not told which passwords somebody had.
    set_one = {"password": PASSWORD, "must_change": True}
    assert admin.call("POST", "/v1/users/alice/password", set_one).json() == {"revoked": 0}
    device = Device(api)
    asked = device.login("alice").json()
    assert "none of your last 2 passwords" in asked["ask"]["facts"]["rules"]
    answer = {"flow": asked["flow"], "answer": {"password": OTHERS[0]}}
    refused = device.call("POST", "/v1/login/continue", answer)
    assert refused.json()["error"]["message"] == "the password is one of your last 2"
    answer["answer"] = {"password": OTHERS[1]}
    assert device.call("POST", "/v1/login/continue", answer).json()["status"] == "done"
