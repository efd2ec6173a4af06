from tests.fixtures.ca_service import request_pem

INTEGRATION = {
    "connector": "c1",
    "host": "db1.internal",
    "user": "pgward_connector",
    "auth": {"none": True},
}


def test_connectors_are_listed_with_their_integrations_and_removed(api, admin):
    api.machine(admin, "connector", "c1")
    for name, spec in (("shop-db", INTEGRATION), ("other", INTEGRATION | {"connector": "c2"})):
        body = {"kind": "Integration", "metadata": {"name": name}, "spec": spec}
        answer = admin.call("PUT", f"/v1/resources/Integration/{name}", body)
        assert answer.status_code == 200, answer.text
    (found,) = admin.call("GET", "/v1/connectors").json()["connectors"]
    assert (found["name"], found["integrations"]) == ("c1", ["shop-db"])
    assert admin.call("DELETE", "/v1/connectors/c1").json() == {"revoked": 1}
    assert admin.call("GET", "/v1/connectors").json() == {"connectors": []}


def test_connectors_are_shown_with_what_they_told_last_of_their_servers(api, admin):
    connector = api.machine(admin, "connector", "c1")
    path = "/v1/resources/Integration/shop-db"
    body = {"kind": "Integration", "metadata": {"name": "shop-db"}, "spec": INTEGRATION}
    admin.call("PUT", path, body)
    (found,) = admin.call("GET", "/v1/connectors").json()["connectors"]
    assert found["servers"] == []
    health = {"state": "away", "problem": "no route", "server_version": 160014, "at": None}
    report = {"id": "a" * 32, "integration": "shop-db", "version": 1, "health": health}
    assert connector.call("POST", "/v1/connector/report", report).status_code == 200
    (found,) = admin.call("GET", "/v1/connectors").json()["connectors"]
    assert found["servers"] == [
        {
            "integration": "shop-db",
            "state": "away",
            "problem": "no route",
            "server_version": 160014,
            "told_at": "2026-11-21T12:00:00Z",
        }
    ]
    api.machine(admin, "connector", "c2")
    admin.call("PUT", path, body | {"spec": INTEGRATION | {"connector": "c2"}})
    listed = admin.call("GET", "/v1/connectors").json()["connectors"]
    assert [each["servers"] for each in listed] == [[], []]  # c2 has told nothing yet


def test_a_connector_serves_nobody_under_a_name(admin):
    body = {"kind": "connector", "name": "c1", "dns": ["db1.internal"]}
    answer = admin.call("POST", "/v1/tokens", body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        422,
        "a connector is no server, and has no DNS name or address",
    )


def test_a_token_is_not_used_up_by_what_it_is_not_for(api, admin):
    token = admin.call("POST", "/v1/tokens", {"kind": "host", "name": "db1"}).json()["token"]
    joining = {"token": token, "csr": request_pem()}
    refused = api.call("POST", "/v1/enroll", joining | {"kind": "connector"})
    assert refused.status_code == 422
    assert "that token is for a host, not for a connector" in refused.text
    assert api.call("POST", "/v1/enroll", joining | {"kind": "host"}).status_code == 201


def test_a_rotation_does_not_wait_for_connectors(rotating_ca):
    rotating_ca.api.machine(rotating_ca.admin, "connector", "c1")
    rotation = rotating_ca.start("user-issuing")
    asked = rotating_ca.admin.call("POST", f"/v1/rotations/{rotation.id}/advance", {})
    assert asked.json()["phase"] == "issue-new"
