import pytest

from tests.fixtures.acme_client import kind_of
from tests.fixtures.ca_service import URL


def test_a_key_is_made_and_its_secret_shown_once(acme_api):
    made = acme_api.key("db1", uses=3, ips=["10.0.0.0/24"])
    assert {name: made[name] for name in ("name", "state", "dns", "ips", "uses", "used")} == {
        "name": "db1",
        "state": "usable",
        "dns": ["db1.test", "*.db.test"],
        "ips": ["10.0.0.0/24"],
        "uses": 3,
        "used": 0,
    }
    assert (made["directory"], len(made["hmac_key"])) == (f"{URL}/acme/directory", 43)
    (listed,) = acme_api.admin.call("GET", "/v1/acme/keys").json()["keys"]
    assert listed == {k: v for k, v in made.items() if k not in ("hmac_key", "directory")}
    assert made["hmac_key"] not in str(acme_api.api.events())


def test_without_names_a_key_is_for_its_own_name(acme_api):
    answer = acme_api.admin.call("POST", "/v1/acme/keys", {"name": "db1"})
    assert answer.json()["dns"] == ["db1"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "A b"}, 422),
        ({"name": "a", "dns": ["a_b"]}, 422),
        ({"name": "a", "ips": ["x"]}, 422),
        ({"name": "a", "uses": 0}, 422),
        ({"name": "a", "ttl_seconds": 5}, 422),
        ({"name": "a", "pre_authorised": True}, 422),
        ({"name": "taken"}, 409),
    ],
)
def test_wrong_keys_are_refused(acme_api, body, status):
    acme_api.key("taken")
    assert acme_api.admin.call("POST", "/v1/acme/keys", body).status_code == status


def test_only_administrators_see_and_make_keys(acme_api):
    acme_api.api.add("alice", "dba")
    alice = acme_api.api.device("alice")
    for method, path, body in (
        ("POST", "/v1/acme/keys", {"name": "x"}),
        ("GET", "/v1/acme/keys", None),
        ("POST", "/v1/acme/keys/x/revoke", {}),
        ("GET", "/v1/acme/accounts", None),
        ("POST", "/v1/acme/accounts/x/revoke", {}),
    ):
        assert alice.call(method, path, body).status_code == 403


def test_a_revoked_key_ends_its_accounts_and_on_request_their_certificates(acme_api):
    eab = acme_api.key("db1", uses=2)
    one, two = acme_api.client(eab), acme_api.client(eab)
    leaf, _ = acme_api.issue(one, "db1.test")
    path = "/v1/acme/keys/db1/revoke"
    first = acme_api.admin.call("POST", path, {}).json()
    assert first == {"accounts": 2, "revoked": 0}
    assert kind_of(one.order("db1.test")) == "unauthorized"
    assert kind_of(two.order("db1.test")) == "unauthorized"
    second = acme_api.admin.call("POST", path, {"certificates": True}).json()
    assert second == {"accounts": 2, "revoked": 1}
    listed = acme_api.admin.call("GET", "/v1/certificates?kind=host&state=revoked").json()
    assert [each["serial"] for each in listed["certificates"]] == [f"{leaf.serial_number:x}"]
    assert acme_api.admin.call("POST", "/v1/acme/keys/absent/revoke", {}).status_code == 404


def test_one_account_is_ended(acme_api):
    eab = acme_api.key("db1", uses=2)
    one, two = acme_api.client(eab), acme_api.client(eab)
    acme_api.issue(one, "db1.test")
    account = one.kid.rpartition("/")[2]
    path = f"/v1/acme/accounts/{account}/revoke"
    assert acme_api.admin.call("POST", path, {"certificates": True}).json() == {
        "accounts": 1,
        "revoked": 1,
    }
    assert acme_api.admin.call("POST", path, {}).json() == {"accounts": 0, "revoked": 0}
    found = acme_api.admin.call("GET", "/v1/acme/accounts").json()["accounts"]
    by_id = {each["id"]: each for each in found}
    assert (by_id[account]["status"], by_id[account]["key"]) == ("revoked", "db1")
    assert two.order("db1.test").status_code == 201


def test_without_the_acme_server_no_key_is_made(admin):
    answer = admin.call("POST", "/v1/acme/keys", {"name": "db1"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        503,
        "the ACME server is switched off",
    )
