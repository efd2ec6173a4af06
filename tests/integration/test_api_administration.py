"""What administrators do over the API: people, groups, resources, and the errors that help."""

import pytest

from tests.fixtures.ca_service import PASSWORD, Device, service

pytestmark = pytest.mark.integration


def test_people_are_added_changed_and_listed(api, admin):
    new = {
        "name": "Carol",
        "full_name": "Carol Jones",
        "email": "carol@example.com",
        "groups": ["dba"],
        "password": PASSWORD,
    }
    added = admin.call("POST", "/v1/users", new)
    assert (added.status_code, added.json()["user"]["groups"]) == (201, ["dba"])
    assert Device(api).login("carol").status_code == 200
    changed = admin.call("PATCH", "/v1/users/carol", {"groups": ["audit"], "full_name": "C"})
    assert changed.json()["user"]["groups"] == ["audit"]
    found = admin.call("GET", "/v1/users").json()["users"]
    assert [(user["name"], user["full_name"], user["email"]) for user in found] == [
        ("Carol", "C", "carol@example.com"),
        ("root", "", ""),
    ]
    assert admin.call("GET", "/v1/groups").json() == {
        "groups": [
            {"name": "administrators", "members": ["root"], "size": 1},
            {"name": "audit", "members": ["Carol"], "size": 1},
        ]
    }


@pytest.mark.parametrize("name", ["carol", "CAROL"])
def test_a_name_is_taken_whatever_its_case(admin, name):
    admin.call("POST", "/v1/users", {"name": "carol"})
    answer = admin.call("POST", "/v1/users", {"name": name})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/v1/users/root", None),
        ("POST", "/v1/users/root/block", {}),
        ("PATCH", "/v1/users/root", {"groups": []}),
        ("POST", "/v1/groups/administrators/members", {"remove": ["root"]}),
    ],
)
def test_the_last_active_administrator_stays(api, admin, method, path, body):
    api.add("other", "administrators")
    admin.call("POST", "/v1/users/other/block", {})
    answer = admin.call(method, path, body)
    assert answer.status_code == 409
    assert "administrator" in answer.json()["error"]["message"]
    assert admin.call("GET", "/v1/me").json()["user"]["administrator"] is True
    admin.call("POST", "/v1/users/other/unblock")
    assert admin.call(method, path, body).status_code == 200


def test_a_demoted_administrator_is_one_no_longer_at_once(api, admin):
    api.add("other", "administrators")
    other = api.device("other")
    admin.call("PATCH", "/v1/users/other", {"groups": []})
    assert other.call("GET", "/v1/users").status_code == 403


def test_wrong_fields_are_all_named_by_their_path(admin):
    bad = service(upstream={"hots": "db1", "port": 70000}, ssl_mode="maybe", alow={})
    answer = admin.call("PUT", "/v1/resources/Service/orders", bad)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    found = {each["path"]: each["message"] for each in answer.json()["error"]["fields"]}
    assert found == {
        "spec.upstream.host": "is missing",
        "spec.upstream.hots": "is not a field; did you mean host?",
        "spec.upstream.port": "must be at most 65535",
        "spec.ssl_mode": "is not a field; did you mean sslMode?",
        "spec.alow": "is not a field; did you mean allow?",
    }


def test_bodies_of_requests_are_checked_as_strictly(admin):
    answer = admin.call("POST", "/v1/users", {"name": "a,b", "fullname": "A"})
    found = {each["path"]: each["message"] for each in answer.json()["error"]["fields"]}
    assert found == {
        "name": "is not valid: 'a,b' cannot be a user name",
        "fullname": "is not a field",
    }
    weak = admin.call("POST", "/v1/users", {"name": "bob", "password": "short"})
    assert (weak.status_code, weak.json()["error"]["hint"]) == (422, "use 8 to 256")


def test_a_resource_is_created_updated_unchanged_and_deleted(api, admin):
    path = "/v1/resources/services/orders"
    assert admin.call("PUT", f"{path}?dry_run=true", service()).json()["change"] == "created"
    assert admin.call("GET", path).status_code == 404
    assert admin.call("PUT", path, service()).json()["change"] == "created"
    stored = admin.call("GET", path).json()["resource"]
    assert admin.call("PUT", path, stored).json()["change"] == "unchanged"
    newer = admin.call("PUT", path, service(database="orders")).json()
    assert (newer["change"], newer["resource"]["metadata"]["version"]) == ("updated", 2)
    stale = admin.call("PUT", path, stored)
    assert (stale.status_code, "version 2, not 1" in stale.text) == (409, True)
    guarded = admin.call("DELETE", path, **{"If-Match": '"1"'})
    assert guarded.status_code == 412
    assert admin.call("DELETE", path).json() == {"change": "deleted"}
    assert [e["action"] for e in api.events() if e["action"].startswith("service")] == [
        "service.apply",
        "service.apply",
        "service.apply",
        "service.delete",
        "service.delete",
    ]


def test_a_resource_under_another_name_or_kind_is_refused(admin):
    other = admin.call("PUT", "/v1/resources/Service/sales", service())
    assert other.json()["error"]["fields"][0]["path"] == "metadata.name"
    assert admin.call("GET", "/v1/resources/Sevrice").status_code == 404


def test_the_audit_log_is_read_in_order_and_in_parts(api, admin):
    for name in ("a1", "a2", "a3"):
        admin.call("POST", "/v1/users", {"name": name})
    first = admin.call("GET", "/v1/audit?action=user.add&limit=2&after=0").json()["events"]
    assert [event["target"] for event in first] == ["a1", "a2"]
    path = f"/v1/audit?action=user.*&after={first[-1]['seq']}"
    assert [event["target"] for event in admin.call("GET", path).json()["events"]] == ["a3"]
    newest = admin.call("GET", "/v1/audit?limit=1").json()["events"]
    assert [event["target"] for event in newest] == ["a3"]
    assert [event["seq"] for event in api.events()] == list(range(1, len(api.events()) + 1))


def test_refused_acts_of_people_are_recorded(api, admin, alice):
    alice.call("GET", "/v1/users")
    admin.call("DELETE", "/v1/users/root")
    found = [(e["actor"], e["action"], e["outcome"], e["target"]) for e in api.events()][-2:]
    assert found == [
        ("alice", "request.refuse", "denied", "GET /v1/users"),
        ("root", "user.remove", "failed", "root"),
    ]


def test_no_secret_is_in_the_audit_log(api, admin, alice):
    alice.certificate()
    token = admin.call("POST", "/v1/tokens", {"kind": "edge", "name": "e7"}).json()["token"]
    admin.call("POST", "/v1/users/alice/password", {"password": "a new passphrase"})
    text = str(api.events())
    for secret in (PASSWORD, "a new passphrase", alice.token, admin.token, token):
        assert secret not in text


def test_strange_requests_get_the_one_error_shape(api, admin):
    for answer, status, code in (
        (api.call("GET", "/v1/nowhere"), 404, "not_found"),
        (api.call("DELETE", "/v1/health"), 405, "invalid"),
        (api.client.post("/v1/login", content=b"{", headers=_JSON), 400, "invalid"),
        (api.client.post("/v1/login", content=b"x" * 70_000, headers=_JSON), 413, "invalid"),
        (api.client.post("/v1/login", content=_drip(), headers=_JSON), 413, "invalid"),
        (admin.call("GET", "/v1/audit?limit=nine"), 422, "invalid"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
        assert set(answer.json()["error"]) == {"code", "message", "hint", "fields"}


def test_an_unexpected_failure_tells_only_its_number(api, app, caplog, monkeypatch):
    def fail() -> int:
        raise RuntimeError("the inside")

    monkeypatch.setattr(app.state.context.store, "version", fail)
    answer = api.call("GET", "/v1/health")
    number = answer.json()["error"]["message"].partition("(")[2].rstrip(")")
    assert answer.status_code == 500
    assert "the inside" not in answer.text
    assert number
    assert number in caplog.text
    assert "the inside" in caplog.text


def test_answers_carry_no_server_name_and_are_not_kept(alice):
    answer = alice.call("GET", "/v1/me")
    assert "server" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


_JSON = {"Content-Type": "application/json"}


def _drip():
    for _ in range(70):
        yield b"x" * 1000
