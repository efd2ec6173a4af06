"""Several resources at once: all of it is done, or nothing."""

import pytest

from pgward.ca.service import applying
from pgward.core.errors import InvalidInputError, PgwardError
from tests.fixtures.ca_service import service

POLICY = {"kind": "Policy", "metadata": {"name": "p1"}, "spec": {"connect": {"default": "DENY"}}}
LOCKING = {
    "kind": "LoginRule",
    "metadata": {"name": "r1"},
    "spec": {"appliesTo": {"everyone": True}, "methods": ["passkey"]},
}


def send(admin, *resources, **more):
    return admin.call("POST", "/v1/resources", {"resources": list(resources), **more})


def changes(answer):
    assert answer.status_code == 200, answer.text
    return [each["change"] for each in answer.json()["changes"]]


def wrong(answer):
    return {each["path"]: each["message"] for each in answer.json()["error"]["fields"]}


def names(admin, kind="services"):
    found = admin.call("GET", f"/v1/resources/{kind}").json()["resources"]
    return [each["metadata"]["name"] for each in found]


def test_several_are_applied_in_one_go_with_an_event_each(api, admin):
    done = send(admin, service("a"), service("b"), reason="the move")
    assert changes(done) == ["created", "created"]
    assert changes(send(admin, service("a"), service("b", database="x"))) == [
        "unchanged",
        "updated",
    ]
    events = [e for e in api.events() if e["action"].endswith(".apply")]
    assert [(e["target"], e["details"]["change"]) for e in events] == [
        ("a", "created"),
        ("b", "created"),
        ("b", "updated"),
    ]
    assert events[0]["details"]["reason"] == "the move"


def test_what_each_was_before_is_told(admin):
    send(admin, service("a"))
    first, second = send(admin, service("a", database="x"), service("b"), dry_run=True).json()[
        "changes"
    ]
    assert "database" not in first["before"]["spec"]
    assert (first["resource"]["spec"]["database"], second["before"]) == ("x", None)
    assert names(admin) == ["a"]


def test_when_one_is_wrong_nothing_is_changed(admin):
    refused = send(admin, service("a"), service("b", mode="x"), {"kind": "Sevrice"}, 5)
    assert refused.status_code == 422
    assert set(wrong(refused)) == {"resources[1].spec.mode", "resources[2].kind", "resources[3]"}
    assert names(admin) == []


def test_what_only_collides_is_a_conflict(api, admin):
    send(admin, service("a"))
    stale = service("a", database="x")
    stale["metadata"] = {"name": "a", "version": 7}
    refused = send(admin, service("b"), stale)
    assert (refused.status_code, set(wrong(refused))) == (409, {"resources[1].metadata.name"})
    assert names(admin) == ["a"]
    assert [e["outcome"] for e in api.events() if e["action"] == "resources.apply"] == ["failed"]


def test_one_that_is_there_twice_is_refused(admin):
    refused = send(admin, service("a"), service("a"))
    assert "'a' is in resources[0] already" in wrong(refused)["resources[1].metadata.name"]


def test_deletions_go_with_the_rest_and_behind_it(admin):
    protected = service("s", mode="postgres")
    protected["spec"]["postgres"] = {
        "user": {"force": "app"},
        "auth": {"none": True},
        "policies": ["p1"],
    }
    done = send(admin, protected, POLICY)  # the service is first, and needs the policy
    assert changes(done) == ["created", "created"]
    assert done.json()["changes"][0]["notes"] == []
    gone = [{"kind": "policies", "name": "p1"}, {"kind": "services", "name": "s"}]
    refused = admin.call("POST", "/v1/resources", {"delete": gone[:1]})
    assert "'p1' is in use: s" in wrong(refused)["delete[0].metadata.name"]
    assert changes(admin.call("POST", "/v1/resources", {"delete": gone})) == ["deleted", "deleted"]
    missing = admin.call("POST", "/v1/resources", {"delete": gone[:1]})
    assert "there is no Policy 'p1'" in wrong(missing)["delete[0].metadata.name"]


def test_a_deletion_can_be_guarded(admin):
    send(admin, service("a"))
    guarded = [{"kind": "Service", "name": "a", "version": 9}]
    assert admin.call("POST", "/v1/resources", {"delete": guarded}).status_code == 409
    guarded[0]["version"] = 1
    assert changes(admin.call("POST", "/v1/resources", {"delete": guarded})) == ["deleted"]


def test_nobody_is_locked_out_by_several_either(admin):
    refused = send(admin, LOCKING, service("a"))
    assert refused.status_code == 409
    assert "no administrator could log in then" in wrong(refused)["resources[0].metadata.name"]
    assert names(admin) == []
    assert changes(send(admin, LOCKING, allow_lockout=True)) == ["created"]


def test_more_than_a_thousand_are_refused(admin):
    answer = admin.call("POST", "/v1/resources", {"resources": [{}] * 1001})
    assert (answer.status_code, set(wrong(answer))) == (422, {"resources"})


@pytest.mark.parametrize("body", [None, 5, [], {}, {"kind": 1}])
def test_what_is_no_resource_is_refused(body):
    with pytest.raises(InvalidInputError):
        applying.read(body, "resources[0]")


def test_errors_that_are_nobodys_fault_pass():
    trouble = applying._Trouble()
    with pytest.raises(PgwardError, match="lost"), trouble.at("resources[0]"):
        raise PgwardError("lost")
