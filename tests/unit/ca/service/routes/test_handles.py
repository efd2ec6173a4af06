import pytest

from pgward.core import handles
from tests.fixtures.ca_service import service
from tests.fixtures.edge_services import actions, aware, declare


def test_a_person_gets_a_one_time_password_for_what_they_may_use(api, orders):
    answer = orders.call("POST", "/v1/me/otp", {"service": "orders"})
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert handles.read(made["otp"]).text == made["otp"]
    assert (made["service"], made["expires_at"]) == ("orders", "2026-11-21T12:05:00Z")
    assert actions(api, "otp.") == [("alice", "otp.create", "ok", "orders")]
    assert made["otp"] not in str(api.events())


def test_what_is_not_for_this_person_or_not_so_is_refused(api, admin, orders):
    declare(admin, aware("secret-one"), allow={"groups": ["others"]})
    declare(admin, service("plain"))
    for name, status in (("none", 404), ("secret-one", 404), ("plain", 422)):
        for path in ("/v1/me/otp", "/v1/me/tokens"):
            assert orders.call("POST", path, {"service": name}).status_code == status
    assert {each[2] for each in actions(api, "otp.")} == {"failed"}


def test_what_the_service_forces_is_not_asked_for_in_vain(api, orders):
    for path in ("/v1/me/otp", "/v1/me/tokens"):
        answer = orders.call("POST", path, {"service": "orders", "role": "owner"})
        assert answer.status_code == 422
        assert answer.json()["error"]["message"] == (
            "everyone lands as app at orders, and not as 'owner'"
        )
        assert orders.call("POST", path, {"service": "orders", "role": "app"}).status_code == 201
    assert [each[2] for each in actions(api, "otp.")] == ["failed", "ok"]


def test_a_token_is_shown_once_listed_and_revoked(api, orders):
    made = orders.call("POST", "/v1/me/tokens", {"service": "orders", "hours": 2}).json()
    assert made["secret"].startswith("pgt1.")
    assert made["expires_at"] == "2026-11-21T14:00:00Z"
    listed = orders.call("GET", "/v1/me/tokens")
    assert [each["id"] for each in listed.json()["tokens"]] == [made["id"]]
    assert made["secret"] not in listed.text + str(api.events())
    assert orders.call("DELETE", f"/v1/me/tokens/{made['id']}").json() == {"change": "deleted"}
    assert orders.call("GET", "/v1/me/tokens").json() == {"tokens": []}
    assert orders.call("DELETE", f"/v1/me/tokens/{made['id']}").status_code == 404
    assert [each[1:3] for each in actions(api, "access-token.")] == [
        ("access-token.create", "ok"),
        ("access-token.revoke", "ok"),
        ("access-token.revoke", "failed"),
    ]


def test_an_administrator_sees_and_revokes_a_persons_tokens(api, admin, orders):
    made = orders.call("POST", "/v1/me/tokens", {"service": "orders"}).json()
    listed = admin.call("GET", "/v1/users/ALICE/tokens").json()["tokens"]
    assert [each["id"] for each in listed] == [made["id"]]
    assert admin.call("DELETE", f"/v1/users/alice/tokens/{made['id']}").status_code == 200
    assert admin.call("GET", "/v1/users/alice/tokens").json() == {"tokens": []}
    assert actions(api, "access-token.revoke") == [
        ("root", "access-token.revoke", "ok", made["id"])
    ]


def test_tokens_of_others_are_nobodys_business(api, orders):
    api.add("bob", "dba")
    made = orders.call("POST", "/v1/me/tokens", {"service": "orders"}).json()
    bob = api.device("bob")
    assert bob.call("GET", "/v1/me/tokens").json() == {"tokens": []}
    assert bob.call("DELETE", f"/v1/me/tokens/{made['id']}").status_code == 404


@pytest.mark.parametrize("hours", [0, 169, "x"])
def test_hours_have_bounds(orders, hours):
    body = {"service": "orders", "hours": hours}
    assert orders.call("POST", "/v1/me/tokens", body).status_code == 422


def test_who_logs_out_takes_all_of_it_along(api, admin, orders):
    made = orders.call("POST", "/v1/me/tokens", {"service": "orders"}).json()
    edge = api.machine(admin, "edge", "e1")
    path = f"/v1/edges/self/tokens/{made['id']}"
    assert edge.call("GET", path).status_code == 200
    orders.call("POST", "/v1/logout")
    assert edge.call("GET", path).status_code == 403
