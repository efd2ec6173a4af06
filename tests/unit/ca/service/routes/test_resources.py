import pytest

from pgward.ca.service.routes import resources
from pgward.core.errors import InvalidInputError
from tests.fixtures.ca_service import service


@pytest.mark.parametrize(("text", "version"), [(None, None), ('"3"', 3), ("12", 12)])
def test_if_match_is_a_version(text, version):
    assert resources._version(text) == version


@pytest.mark.parametrize("text", ["", "*", 'W/"3"', "-1", "9" * 12])
def test_other_conditions_are_refused(text):
    with pytest.raises(InvalidInputError, match="If-Match"):
        resources._version(text)


def test_a_dry_run_checks_all_and_changes_nothing(api, admin):
    path = "/v1/resources/Service/orders"
    before = api.store.version()
    answer = admin.call("PUT", f"{path}?dry_run=true", service()).json()
    assert (answer["change"], answer["resource"]["metadata"]["name"]) == ("created", "orders")
    assert admin.call("PUT", f"{path}?dry_run=true", service(mode="x")).status_code == 422
    assert admin.call("GET", "/v1/resources/Service").json() == {"resources": []}
    assert api.store.version() == before


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
