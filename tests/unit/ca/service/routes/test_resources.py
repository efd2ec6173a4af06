from urllib.parse import quote

import pytest

from pgward.ca.service.routes import resources
from pgward.core.errors import InvalidInputError
from tests.fixtures.ca_service import service


@pytest.mark.parametrize(("text", "version"), [(None, None), ('"3"', 3), ("12", 12)])
def test_if_match_is_a_version(text, version):
    assert resources.version_of(text) == version


@pytest.mark.parametrize("text", ["", "*", 'W/"3"', "-1", "9" * 12])
def test_other_conditions_are_refused(text):
    with pytest.raises(InvalidInputError, match="If-Match"):
        resources.version_of(text)


def test_a_dry_run_checks_all_and_changes_nothing(api, admin):
    path = "/v1/resources/Service/orders"
    before = api.store.version()
    answer = admin.call("PUT", f"{path}?dry_run=true", service()).json()
    assert (answer["change"], answer["resource"]["metadata"]["name"]) == ("created", "orders")
    assert admin.call("PUT", f"{path}?dry_run=true", service(mode="x")).status_code == 422
    assert admin.call("GET", "/v1/resources/Service").json() == {"resources": []}
    assert api.store.version() == before


def test_conditions_are_those_of_http(admin):
    path = "/v1/resources/Service/orders"
    fresh = {"If-None-Match": "*"}
    made = admin.call("PUT", path, service(), **fresh)
    assert (made.status_code, made.headers["ETag"]) == (200, '"1"')
    assert admin.call("PUT", path, service(), **fresh).status_code == 412
    assert admin.call("GET", path).headers["ETag"] == '"1"'
    changed = admin.call("PUT", path, service(database="x"), **{"If-Match": '"1"'})
    assert changed.headers["ETag"] == '"2"'
    stale = admin.call("PUT", path, service(database="y"), **{"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["error"]["code"]) == (412, "conflict")
    assert admin.call("DELETE", path, **{"If-Match": '"1"'}).status_code == 412
    admin.call("DELETE", path)
    gone = admin.call("PUT", path, service(), **{"If-Match": '"2"'})
    assert (gone.status_code, "it was deleted" in gone.text) == (412, True)
    both = admin.call("PUT", path, service(), **fresh, **{"If-Match": '"2"'})
    assert both.status_code == 422


def test_two_who_edit_the_same_do_not_overwrite_each_other(api, admin):
    api.add("ann", "administrators")
    ann, path = api.device("ann"), "/v1/resources/Service/orders"
    admin.call("PUT", path, service())
    mine, hers = (each.call("GET", path).json()["resource"] for each in (admin, ann))
    hers["spec"]["database"], mine["spec"]["database"] = "hers", "mine"
    assert ann.call("PUT", path, hers).status_code == 200
    refused = admin.call("PUT", path, mine)
    assert refused.status_code == 409
    assert "was changed by ann: it has version 2, not 1" in refused.json()["error"]["message"]


@pytest.mark.parametrize("reason", ["x" * 501, "two\rlines", "\u202e"])
def test_a_reason_is_plain_text_of_some_length(admin, reason):
    query = f"?reason={quote(reason)}"
    answer = admin.call("PUT", "/v1/resources/Service/orders", service(), query=query)
    assert answer.status_code == 422


@pytest.mark.parametrize("body", [None, [], "x", 5, {}])
def test_a_body_that_is_no_resource_is_refused(admin, body):
    assert admin.call("PUT", "/v1/resources/Service/orders", body).status_code == 422


def test_a_rule_that_locks_every_administrator_out_needs_to_be_meant(admin):
    path = "/v1/resources/LoginRule/r1"
    body = {
        "kind": "LoginRule",
        "metadata": {"name": "r1"},
        "spec": {"appliesTo": {"everyone": True}, "methods": ["passkey"]},
    }
    for query in ("", "?dry_run=true"):
        answer = admin.call("PUT", path + query, body)
        assert answer.status_code == 409
        assert answer.json()["error"]["message"].startswith(
            "no administrator could log in then: root (none of the allowed methods is set up)"
        )
    assert admin.call("GET", path).status_code == 404
    assert admin.call("PUT", f"{path}?allow_lockout=true", body).status_code == 200
    body["spec"]["sessionHours"] = 1  # it is no worse than before
    assert admin.call("PUT", path, body).status_code == 200


def test_what_only_looks_like_yes_or_no_is_refused(admin):
    answer = admin.call("POST", "/v1/resources", {"resources": [], "allow_lockout": 0})
    assert answer.status_code == 422
    assert "allow_lockout" in answer.json()["error"]["message"]


@pytest.mark.parametrize("kind", ["service", "group"])
def test_resources_are_listed_a_page_at_a_time(admin, api, kind):
    names = ["x", "y", "z"]
    for name in names:
        if kind == "service":
            assert admin.call("PUT", f"/v1/resources/service/{name}", service(name)).is_success
        else:
            api.add(f"{name}.person", name)

    def page(query):
        answer = admin.call("GET", f"/v1/resources/{kind}", query=query)
        assert answer.status_code == 200, answer.text
        return [each["metadata"]["name"] for each in answer.json()["resources"]]

    skipped = len(page("")) - 3  # the group of administrators
    assert page(f"?limit={2 + skipped}")[skipped:] == ["x", "y"]
    assert page("?limit=2&after=y") == ["z"]
    assert page("?after=y") == ["z"]
    assert admin.call("GET", f"/v1/resources/{kind}", query="?limit=0").status_code == 422
