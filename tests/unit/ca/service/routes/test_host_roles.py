from datetime import timedelta

import pytest

ROLE_MAP = {
    "kind": "RoleMap",
    "metadata": {"name": "shop"},
    "spec": {"hosts": ["db1"], "rules": [{"groups": ["dba"], "roles": ["app"]}]},
}
PATH = "/v1/host/roles"


@pytest.fixture
def host(api, admin):
    return api.machine(admin, "host", "db1")


def names(reply):
    return [each["name"] for each in reply["roles"]["people"]]


def test_a_host_is_told_its_own_roles_only(api, admin, host):
    other = api.machine(admin, "host", "db2")
    api.add("bob", "dba")
    assert host.call("GET", PATH).json()["roles"]["maps"] == []
    done = admin.call("PUT", "/v1/resources/RoleMap/shop", ROLE_MAP)
    assert (done.status_code, done.json()["notes"]) == (200, [])
    assert names(host.call("GET", PATH).json()) == ["bob"]
    assert other.call("GET", PATH).json()["roles"]["people"] == []


def test_what_is_known_is_not_sent_again(api, admin, host):
    api.add("bob", "dba")
    admin.call("PUT", "/v1/resources/RoleMap/shop", ROLE_MAP)
    known = host.call("GET", PATH).json()
    same = host.call("GET", PATH, query=f"?have={known['digest']}").json()
    assert same == known | {"roles": None}
    admin.call("POST", "/v1/users/bob/block", {"reason": "left"})
    other = host.call("GET", PATH, query=f"?have={known['digest']}").json()
    assert (names(other), other["roles"]["left"]) == ([], ["bob"])
    assert other["version"] > known["version"]


def test_an_account_that_ends_is_told_without_a_change(api, admin, host):
    admin.call("PUT", "/v1/resources/RoleMap/shop", ROLE_MAP)
    api.add("bob", "dba")
    end = {"valid_until": "2026-11-21T13:00:00Z"}
    answer = admin.call("PATCH", "/v1/users/bob", end)
    assert answer.status_code == 200, answer.text
    known = names(host.call("GET", PATH).json())
    api.clock.moment += timedelta(hours=10)
    assert (known, names(host.call("GET", PATH).json())) == (["bob"], [])


@pytest.mark.parametrize("query", ["wait=31", "after=-1", "have=x", "wait=nan"])
def test_bounds_of_a_poll(host, query):
    assert host.call("GET", PATH, query=f"?{query}").status_code == 422


def test_only_hosts_may_ask(api, admin):
    edge = api.machine(admin, "edge", "e1")
    assert edge.call("GET", PATH).status_code == 403
    assert admin.call("GET", PATH).status_code == 403


def test_changes_of_a_role_map_are_on_record(api, admin):
    admin.call("PUT", "/v1/resources/RoleMap/shop", ROLE_MAP)
    admin.call("DELETE", "/v1/resources/RoleMap/shop")
    found = [each["action"] for each in api.events() if each["target"] == "shop"]
    assert found == ["rolemap.apply", "rolemap.delete"]


def test_unknown_names_are_noted(admin):
    notes = admin.call("PUT", "/v1/resources/RoleMap/shop", ROLE_MAP).json()["notes"]
    assert notes == ["there is no host 'db1' yet", "there is no group 'dba' yet"]
