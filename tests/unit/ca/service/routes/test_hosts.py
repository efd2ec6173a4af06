def test_hosts_are_listed_with_their_names(api, admin):
    api.machine(admin, "host", "db1")
    api.machine(admin, "edge", "e1")
    (row,) = admin.call("GET", "/v1/hosts").json()["hosts"]
    assert (row["name"], row["dns"], row["last_seen_at"]) == ("db1", ["db1"], None)
    assert row["not_after"] > row["enrolled_at"]


def test_a_removed_host_is_refused_and_on_record(api, admin):
    host = api.machine(admin, "host", "db1")
    edge = api.machine(admin, "edge", "db1")
    assert host.call("GET", "/v1/machine/orders").status_code == 200
    assert admin.call("DELETE", "/v1/hosts/db1").json() == {"revoked": 1}
    assert host.call("GET", "/v1/machine/orders").status_code == 403
    assert edge.call("GET", "/v1/machine/orders").status_code == 200
    assert admin.call("GET", "/v1/hosts").json() == {"hosts": []}
    events = admin.call("GET", "/v1/audit?action=host.remove").json()["events"]
    assert [(each["target"], each["outcome"]) for each in events] == [("db1", "ok")]
    answer = admin.call("DELETE", "/v1/hosts/db1")
    error = answer.json()["error"]
    assert (answer.status_code, error["message"]) == (404, "there is no host 'db1'")
    assert error["hint"] == "pgward hosts"


def test_only_administrators_see_and_remove_hosts(alice):
    assert alice.call("GET", "/v1/hosts").status_code == 403
    assert alice.call("DELETE", "/v1/hosts/db1").status_code == 403


def test_a_rotation_waits_for_no_host_that_was_removed(rotating_ca):
    rotating_ca.host("db1")
    rotation = rotating_ca.start("user-issuing")
    asked = rotating_ca.admin.call("POST", f"/v1/rotations/{rotation.id}/advance", {})
    assert "host:db1 lags since" in asked.json()["error"]["message"]
    assert rotating_ca.admin.call("DELETE", "/v1/hosts/db1").json() == {"revoked": 1}
    asked = rotating_ca.admin.call("POST", f"/v1/rotations/{rotation.id}/advance", {})
    assert asked.json()["phase"] == "issue-new"
