from contextlib import nullcontext
from datetime import timedelta

import pytest

from pgward.ca.identity import endings
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)


@pytest.fixture
def end_due(api, sql_authority, store):
    return lambda: endings.end_due(store, sql_authority, api.clock, write=store.write)


def until(admin, moment):
    return admin.call(
        "PATCH", "/v1/users/alice", {"valid_until": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
    )


def test_an_account_ends_with_sessions_and_certificates(api, admin, alice, end_due, store):
    serial = alice.certificate()["serial"]
    assert until(admin, START + HOUR / 2).status_code == 200
    assert end_due() == []
    api.clock.move(minutes=30)
    before = store.version()
    assert alice.call("GET", "/v1/me").status_code == 401
    assert end_due() == ["alice"]
    assert end_due() == []
    assert store.version() > before
    event = api.events()[-1]
    assert (event["actor"], event["action"], event["details"]) == (
        "system:ca",
        "user.expire",
        {"revoked": 1},
    )
    found = admin.call("GET", f"/v1/certificates/{serial}").json()
    assert (found["state"], alice.login("alice").status_code) == ("revoked", 403)


def test_nothing_is_issued_beyond_the_end(api, admin, alice):
    alice.certificate()  # the session is known from now on
    until(admin, START + HOUR / 2)
    end = alice.certificate()["not_after"]
    assert end <= (START + HOUR / 2).strftime("%Y-%m-%dT%H:%M:%SZ")
    api.clock.move(minutes=30)
    with pytest.raises(AssertionError):
        alice.certificate()


def test_an_end_that_was_moved_meanwhile_ends_nothing(api, admin, alice, store, sql_authority):
    alice.certificate()
    until(admin, START + HOUR / 2)
    api.clock.move(minutes=30)

    def moving():
        until_later = {"valid_until": None}
        assert admin.call("PATCH", "/v1/users/alice", until_later).status_code == 200
        return nullcontext()

    endings.end_due(store, sql_authority, api.clock, write=moving)
    assert [event["action"] for event in api.events()].count("user.expire") == 0


def test_an_account_may_begin_later(api, admin, alice):
    alice.certificate()
    path = "/v1/users/alice"
    assert admin.call("PATCH", path, {"valid_from": "2199-01-01T00:00:00Z"}).status_code == 200
    assert alice.call("GET", "/v1/me").status_code == 401
    assert alice.login("alice").status_code == 403
    assert admin.call("PATCH", path, {"valid_from": None}).status_code == 200
    assert api.device("alice").call("GET", "/v1/me").status_code == 200
