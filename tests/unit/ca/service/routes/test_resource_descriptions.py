from tests.fixtures.ca_service import service

POLICY = {
    "kind": "Policy",
    "metadata": {"name": "p1"},
    "spec": {"connect": {"default": "DENY"}},
}


def describe(admin, kind, name):
    answer = admin.call("GET", f"/v1/resources/{kind}/{name}/description")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_references_are_told_in_both_directions(api, admin):
    api.add("ann", "dba")
    api.machine(admin, "edge", "e1")
    body = service(
        mode="postgres",
        allow={"groups": ["dba", "none"], "users": ["ANN", "bob"]},
        edges=["e1"],
        postgres={
            "user": {"force": "app"},
            "auth": {"password": {"fromSecret": "db"}},
            "policies": ["p1", "p2"],
        },
    )
    admin.call("POST", "/v1/resources", {"resources": [body, POLICY], "reason": "the move"})
    found = describe(admin, "services", "orders")
    assert {(each["kind"], each["name"]): each["exists"] for each in found["refers_to"]} == {
        ("Group", "dba"): True,
        ("Group", "none"): False,
        ("User", "ANN"): True,
        ("User", "bob"): False,
        ("Edge", "e1"): True,
        ("Secret", "db"): False,
        ("Policy", "p1"): True,
        ("Policy", "p2"): False,
    }
    assert found["notes"][0].startswith("there is no policy 'p2'")
    assert [(each["version"], each["reason"]) for each in found["versions"]] == [(1, "the move")]
    assert describe(admin, "policy", "p1")["referred_to_by"] == [
        {
            "kind": "Service",
            "name": "orders",
            "field": "spec.postgres.policies",
            "exists": True,
        }
    ]


def test_people_and_groups_are_named_by_each_other_and_by_services(api, admin):
    api.add("ann", "dba", "ops")
    admin.call("PUT", "/v1/resources/Service/orders", service(allow={"groups": ["dba", "dba2"]}))
    named = {
        name: [(each["kind"], each["name"], each["field"]) for each in found["referred_to_by"]]
        for name, found in (
            ("ann", describe(admin, "user", "ann")),
            ("dba", describe(admin, "group", "dba")),
        )
    }
    assert named == {
        "ann": [("Group", "dba", "spec.members"), ("Group", "ops", "spec.members")],
        "dba": [("Service", "orders", "spec.allow.groups"), ("User", "ann", "spec.groups")],
    }


def test_an_integration_comes_with_the_last_word_of_its_connector(api, admin, access):  # noqa: ARG001 - the world has it
    silent = dict.fromkeys(("last_seen_at", "told_at", "state", "problem", "server_version"))
    assert describe(admin, "integration", "shop-db")["connector"] == {
        "machine": "connector:c1",
        **silent,
        "trouble": "there is no connector c1",
    }
    connector = api.machine(admin, "connector", "c1")
    connector.call("GET", "/v1/connector/wanted")
    health = {"state": "refused", "problem": "no such password", "server_version": 16}
    report = {"id": "a" * 32, "integration": "shop-db", "version": 1, "health": health}
    connector.call("POST", "/v1/connector/report", report)
    assert describe(admin, "integration", "shop-db")["connector"] == {
        "machine": "connector:c1",
        "last_seen_at": "2026-11-21T12:00:00Z",
        "told_at": "2026-11-21T12:00:00Z",
        **health,
        "trouble": "the server does not let the connector in",
    }
    assert describe(admin, "service", "shop")["connector"] is None
