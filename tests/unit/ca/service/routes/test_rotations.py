import pytest

from pgward.ca.standing import Loader

PATH = "/v1/rotations"


@pytest.fixture
def name(rotating_ca):
    return rotating_ca.start("user-issuing").id


def test_only_administrators_see_and_lead_rotations(rotating_ca, name):
    rotating_ca.api.add("alice")
    alice = rotating_ca.api.device("alice")
    for method, path in (
        ("GET", PATH),
        ("POST", f"{PATH}/{name}/advance"),
        ("POST", f"{PATH}/{name}/rollback"),
    ):
        body = {} if method == "POST" else None
        assert alice.call(method, path, body).status_code == 403
        assert rotating_ca.api.call(method, path, body).status_code == 401


def test_an_administrator_goes_on_and_back(rotating_ca, name):
    admin = rotating_ca.admin
    answer = admin.call("POST", f"{PATH}/{name}/advance", {})
    assert (answer.status_code, answer.json()) == (
        200,
        {"id": name, "phase": "issue-new", "revoked": 0},
    )
    (shown,) = admin.call("GET", PATH).json()["rotations"]
    assert (shown["id"], shown["phase"], shown["next"]) == (name, "issue-new", "trust-new")
    answer = admin.call("POST", f"{PATH}/{name}/rollback", {})
    assert answer.json()["phase"] == "trust-both"
    acts = [(e["actor"], e["action"], e["target"]) for e in rotating_ca.api.events()]
    assert ("root", "rotation.advance", name) in acts
    assert ("root", "rotation.rollback", name) in acts


def test_a_laggard_is_a_conflict_that_names_it(rotating_ca, name):
    rotating_ca.edge()
    answer = rotating_ca.admin.call("POST", f"{PATH}/{name}/advance", {})
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert "edge:e1 lags since" in error["message"]
    body = {"force_without": ["e1"], "reason": "scrapped"}
    assert rotating_ca.admin.call("POST", f"{PATH}/{name}/advance", body).status_code == 200
    (event,) = [
        e
        for e in rotating_ca.api.events()
        if e["action"] == "rotation.advance" and e["outcome"] == "ok"
    ]
    assert (event["details"]["without"], event["details"]["reason"]) == (["edge:e1"], "scrapped")


def test_a_rotation_that_is_not_there(rotating_ca):
    answer = rotating_ca.admin.call("POST", f"{PATH}/x/advance", {})
    assert answer.status_code == 404


def test_a_replica_without_the_key_of_who_issues_is_not_ready(rotating_ca, name):
    (rotating_ca.directory / "keys" / f"{name}.key").unlink()
    assert rotating_ca.api.call("GET", "/v1/health").status_code == 200
    rotating_ca.advance(name)
    assert rotating_ca.api.call("GET", "/v1/health").status_code == 200  # it is loaded
    loader = Loader(rotating_ca.store, rotating_ca.keeper, rotating_ca.clock)
    rotating_ca.authority._reload = loader
    rotating_ca.authority.refresh()
    answer = rotating_ca.api.call("GET", "/v1/health")
    assert answer.status_code == 503
    assert answer.json()["error"]["message"] == "this replica has no key of user-issuing-2"
