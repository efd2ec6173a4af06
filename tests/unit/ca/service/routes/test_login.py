import argon2
import pytest
import sqlalchemy as sa

from pgward.ca.identity import directory
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
        {"user": "root", "password": 5},
        {"user": "root", "password": "x" * 5000},
        {"user": "", "password": "x"},
        {"method": "magic", "user": "root", "password": "x"},
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
