from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest
import sqlalchemy as sa

from pgward.ca.identity import directory
from pgward.ca.identity.passwords import Passwords
from pgward.pki import proof
from tests.fixtures.ca_service import PASSWORD, Device


def test_a_login_without_a_proof_is_refused(api):
    answer = api.call("POST", "/v1/login", {"user": "root", "password": PASSWORD})
    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == "the request has no proof of possession"


@pytest.mark.parametrize(
    "body",
    [
        {"user": "root"},
        {"user": "root", "password": "x", "device": {"name": 1}},
        {"user": "root", "password": 5},
        {"user": "root", "password": "x" * 5000},
        {"user": "", "password": "x"},
        {"user": "root", "password": "x", "otp": "1"},
    ],
)
def test_a_body_that_is_no_login_is_refused_without_repeating_it(api, body):
    answer = Device(api).call("POST", "/v1/login", body)
    assert answer.status_code == 422
    assert "xxxx" not in answer.text


def test_the_audit_log_keeps_what_the_session_is(api):
    root = Device(api)
    root.login("root")
    event = api.events()[-1]
    assert (event["actor"], event["action"]) == ("root", "session.start")
    assert event["details"] == {
        "method": "password",
        "factors": ["password"],
        "device": proof.thumbprint(root.key.public_key()),
        "expires_at": "2026-11-22T00:00:00Z",
    }


def test_an_outdated_hash_is_replaced_at_the_next_login(api):
    older = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    api.add("alice")
    with api.store.write() as transaction:
        directory.set_password(transaction, "alice", older, now=api.clock.now())
    assert Device(api).login("alice").status_code == 200
    with api.store.read() as connection:
        found = directory.password_hash(connection, "alice")
    assert found != older
    assert api.passwords.verify(found, PASSWORD)
    assert Device(api).login("alice").status_code == 200


@pytest.fixture
def meanwhile(api, monkeypatch):
    """Do something once, between the verification of a password and the start of the session."""

    def arrange(action, times=1):
        real, left = Passwords.verify, [action] * times

        def verify(self, encoded, password):
            found = real(self, encoded, password)
            if left:
                left.pop()()
            return found

        monkeypatch.setattr(Passwords, "verify", verify)

    api.add("alice")
    return arrange


def set_hash(api, encoded, *, changed=True):
    api.clock.move(seconds=1)
    with api.store.write() as transaction:
        directory.set_password(transaction, "alice", encoded, now=api.clock.now(), changed=changed)


def test_a_hash_that_another_login_renewed_at_the_same_time_is_fine(api, meanwhile):
    meanwhile(lambda: set_hash(api, api.passwords.hash(PASSWORD), changed=False))
    assert Device(api).login("alice").status_code == 200
    started = [e for e in api.events() if e["actor"] == "alice"]
    assert [(e["action"], e["outcome"]) for e in started] == [("session.start", "ok")]


def test_logins_at_the_same_time_renew_an_outdated_hash_together(api):
    older = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    api.add("alice")
    set_hash(api, older)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: Device(api).login("alice").status_code, range(8)))
    assert found == [200] * 8


def test_a_password_that_was_changed_meanwhile_counts_no_more(api, meanwhile):
    meanwhile(lambda: set_hash(api, api.passwords.hash("another good one")))
    answer = Device(api).login("alice")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "the password was changed during the login",
    )


def test_the_ways_to_log_in_are_told_to_anybody(api):
    assert api.call("GET", "/v1/login").json() == {
        "methods": [
            {
                "method": "password",
                "provider": None,
                "title": "Password",
                "needs": ["user", "password"],
                "redirect_ports": [],
            }
        ]
    }


def test_a_method_that_is_none(api):
    answer = Device(api).call("POST", "/v1/login", {"method": "magic", "user": "root"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        404,
        "there is no login method 'magic'",
    )


def test_a_flow_that_nobody_sealed_is_refused(api):
    body = {"flow": "bm90IG91cnM", "answer": {}}
    answer = Device(api).call("POST", "/v1/login/continue", body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "the login is not one of this authority's",
    )


def test_a_store_that_is_full_refuses_the_login_and_says_so(api):
    def forbid(connection, _record, _proxy):
        connection.execute("PRAGMA query_only = ON")

    sa.event.listen(api.store.engine, "checkout", forbid)
    answer = Device(api).login("root")
    sa.event.remove(api.store.engine, "checkout", forbid)
    assert answer.status_code == 503
    assert answer.json()["error"] == {
        "code": "unavailable",
        "message": "the authority's store is unavailable: its disk is read-only",
        "hint": "nothing was changed; the authority's administrator must look at its store",
        "fields": [],
    }
