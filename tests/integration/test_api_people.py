"""Logging in, certificates, and what follows from blocking, over the API."""

from datetime import UTC, datetime

import pytest
from cryptography import x509

from pgward.ca.identity import directory
from pgward.pki import keys, proof
from tests.fixtures.ca_service import PASSWORD, URL, Device, request_pem

pytestmark = pytest.mark.integration


def test_a_person_logs_in_and_gets_a_certificate(api, alice):
    me = alice.call("GET", "/v1/me").json()
    assert me["user"] == {
        "name": "alice",
        "full_name": "",
        "groups": ["dba"],
        "administrator": False,
    }
    assert me["session"]["expires_at"] == "2026-11-22T00:00:00Z"
    found = alice.certificate()
    leaf = x509.load_pem_x509_certificate(found["certificate"].encode())
    assert leaf.subject.rfc4514_string() == "CN=alice"
    assert found["serial"] == f"{leaf.serial_number:x}"
    assert (found["not_before"], found["not_after"]) == (
        "2026-11-21T11:59:00Z",
        "2026-11-21T13:00:00Z",
    )
    assert [(e["actor"], e["action"], e["target"]) for e in api.events()] == [
        ("alice", "session.start", me["session"]["id"]),
        ("alice", "certificate.issue", found["serial"]),
    ]


def test_the_name_is_the_directorys_whatever_case_was_typed(api):
    api.add("Bob")
    device = api.device("bOB")
    assert device.call("GET", "/v1/me").json()["user"]["name"] == "Bob"


def test_a_certificate_never_outlives_its_login_session(api, alice):
    api.clock.move(hours=11, minutes=30)
    assert alice.certificate()["not_after"] == "2026-11-22T00:00:00Z"
    api.clock.move(minutes=31)
    answer = alice.call("POST", "/v1/certificates/login", {"csr": request_pem()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login_needed")


@pytest.mark.parametrize("user", ["nobody", "alice", "blocked", "nopassword", "a" * 253, "é\u0007"])
def test_every_refused_login_gets_the_same_answer(api, user):
    api.add("alice")
    api.add("nopassword", password=None)
    api.add("blocked")
    with api.store.write() as transaction:
        directory.block(transaction, "blocked", "", now=api.clock.now())
    right = PASSWORD if user == "blocked" else "not the password"
    answer = Device(api).login(user, right)
    assert answer.status_code == 403
    assert answer.json() == {
        "error": {
            "code": "denied",
            "message": "wrong user name or password",
            "hint": "an administrator sees why in the audit log, and can set a new password",
            "fields": [],
        }
    }


def test_a_refused_login_is_recorded_with_its_true_reason_and_no_typed_text(api):
    api.add("alice")
    Device(api).login("hunter2", "x")
    Device(api).login("ALICE", "x")
    found = [(e["actor"], e["action"], e["outcome"], e["reason"]) for e in api.events()]
    assert found == [
        ("unknown", "session.start", "denied", "unknown user"),
        ("alice", "session.start", "denied", "wrong password"),
    ]
    assert "hunter2" not in str(api.events())


def test_guessing_is_slowed_down_for_the_guesser_only(api):
    api.add("alice")
    for _ in range(10):
        assert Device(api).login("alice", "guess").status_code == 403
    answer = Device(api).login("alice", PASSWORD)
    assert answer.json()["error"]["message"] == "too many failed attempts"
    assert "try again in" in answer.json()["error"]["hint"]
    api.add("bob")
    assert Device(api).login("bob").status_code == 200


def test_logout_ends_the_session_and_revokes_its_certificates(api, alice):
    serial = alice.certificate()["serial"]
    other = api.device("alice")
    assert alice.call("POST", "/v1/logout").json() == {"revoked": 1, "provider_login": None}
    assert alice.call("GET", "/v1/me").status_code == 401
    assert other.call("GET", "/v1/me").status_code == 200
    assert serial in _revoked(api)


def test_a_changed_password_ends_the_other_sessions(api, alice):
    other = api.device("alice")
    serial = other.certificate()["serial"]
    new = "another good one"
    answer = alice.call("POST", "/v1/me/password", {"old": PASSWORD, "new": new})
    assert answer.json() == {"revoked": 1}
    assert other.call("GET", "/v1/me").status_code == 401
    assert alice.call("GET", "/v1/me").status_code == 200
    assert Device(api).login("alice", PASSWORD).status_code == 403
    assert Device(api).login("alice", new).status_code == 200
    assert _revoked(api) == {serial}


def test_a_wrong_old_or_weak_new_password_changes_nothing(api, alice):
    wrong = alice.call("POST", "/v1/me/password", {"old": "x", "new": "another good one"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (403, "denied")
    weak = alice.call("POST", "/v1/me/password", {"old": PASSWORD, "new": "short"})
    assert weak.status_code == 422
    assert Device(api).login("alice").status_code == 200


def test_blocking_ends_sessions_revokes_and_refuses_until_unblocked(api, admin, alice):
    serial = alice.certificate()["serial"]
    answer = admin.call("POST", "/v1/users/alice/block", {"reason": "left"}).json()
    assert (answer["revoked"], answer["user"]["blocked_reason"]) == (1, "left")
    assert alice.call("GET", "/v1/me").status_code == 401
    assert Device(api).login("alice").status_code == 403
    assert _revoked(api) == {serial}
    assert admin.call("POST", "/v1/users/alice/unblock").json()["user"]["blocked"] is False
    assert Device(api).login("alice").status_code == 200
    assert _revoked(api) == {serial}


def test_removing_a_person_revokes_everything(api, admin, alice):
    serial = alice.certificate()["serial"]
    assert admin.call("DELETE", "/v1/users/alice").json() == {"revoked": 1}
    assert alice.call("GET", "/v1/me").status_code == 401
    assert _revoked(api) == {serial}
    assert admin.call("GET", "/v1/users/alice").status_code == 404


def test_one_certificate_can_be_revoked(api, admin, alice):
    first, second = alice.certificate()["serial"], alice.certificate()["serial"]
    path = f"/v1/certificates/{first}/revoke"
    assert admin.call("POST", path, {"reason": "keyCompromise"}).json()["revoked"] == 1
    assert admin.call("POST", path, {"reason": "superseded"}).json()["revoked"] == 0
    assert _revoked(api) == {first}
    listed = admin.call("GET", "/v1/certificates?user=alice").json()["certificates"]
    assert {each["serial"]: (each["state"], each["reason"]) for each in listed} == {
        first: ("revoked", "key_compromise"),
        second: ("active", None),
    }
    active = admin.call("GET", "/v1/certificates?user=alice&state=active").json()["certificates"]
    assert [each["serial"] for each in active] == [second]


def test_a_token_is_no_use_with_another_key(api, alice):
    thief = Device(api, token=alice.token)
    answer = thief.call("GET", "/v1/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "denied")
    assert [e["action"] for e in api.events()][-1] == "session.stolen"


def test_a_proof_works_once_for_its_request_only(api, alice):
    now = api.clock.now()
    headers = {
        "Authorization": f"DPoP {alice.token}",
        "DPoP": proof.make(alice.key, "GET", URL + "/v1/me", now=now, token=alice.token),
    }
    assert api.call("POST", "/v1/logout", **headers).status_code == 403
    assert api.call("GET", "/v1/services", **headers).status_code == 403
    assert api.call("GET", "/v1/me", **headers).status_code == 200
    again = api.call("GET", "/v1/me", **headers)
    assert again.json()["error"]["message"] == "the proof of possession was used before"


@pytest.mark.parametrize(("seconds", "word"), [(90, "ahead of"), (-61, "behind"), (4000, "ahead")])
def test_a_wrong_clock_is_named_with_its_difference(api, seconds, word):
    key = keys.generate()
    moment = datetime.fromtimestamp(api.clock.now().timestamp() + seconds, UTC)
    made = proof.make(key, "POST", URL + "/v1/login", now=moment)
    answer = api.call("POST", "/v1/login", {"user": "alice", "password": "x" * 8}, DPoP=made)
    error = answer.json()["error"]
    assert answer.status_code == 403
    assert f"{abs(seconds)} s {word}" in error["message"]
    assert error["hint"] == "set this machine's clock"


def test_a_proof_for_a_host_that_is_not_ours_is_refused(api):
    key, strange = keys.generate(), "https://evil.example:8443"
    made = proof.make(key, "POST", f"{strange}/v1/login", now=api.clock.now())
    body = {"user": "alice", "password": "x" * 8}
    answer = api.call("POST", "/v1/login", body, DPoP=made, Host="evil.example:8443")
    assert (answer.status_code, answer.json()["error"]["hint"]) == (422, f"use {URL}")


def _revoked(api) -> set[str]:
    crl = x509.load_der_x509_crl(api.call("GET", "/v1/crls/user-issuing.crl").content)
    return {f"{entry.serial_number:x}" for entry in crl}
