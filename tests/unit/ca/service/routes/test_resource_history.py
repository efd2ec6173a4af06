import pytest

from pgward.ca.store.schema_history import resource_history as table
from tests.fixtures.ca_service import service

PATH = "/v1/resources/services/orders"


def past(admin, query=""):
    return admin.call("GET", f"{PATH}/history", query=query).json()


def test_history_tells_who_changed_what_and_why(admin):
    admin.call("PUT", PATH, service(), query="?reason=first")
    admin.call("PUT", PATH, service(database="x"))
    admin.call("DELETE", PATH, query="?reason=moved")
    found = past(admin)
    assert found["next"] is None
    assert [(v["version"], v["change"], v["by"], v["reason"]) for v in found["versions"]] == [
        (3, "deleted", "root", "moved"),
        (2, "updated", "root", ""),
        (1, "created", "root", "first"),
    ]
    assert [v["spec"] and v["spec"].get("database") for v in found["versions"]] == [None, "x", None]
    page = past(admin, "?limit=1")
    assert ([v["version"] for v in page["versions"]], page["next"]) == ([3], 3)
    assert past(admin, "?limit=2&before=3")["next"] is None


def test_a_rollback_is_a_new_version_and_says_which_one_came_back(api, admin):
    admin.call("PUT", PATH, service())
    admin.call("PUT", PATH, service(database="x"))
    dry = admin.call("POST", f"{PATH}/rollback", {"dry_run": True}).json()
    assert (dry["change"], "database" in dry["before"]["spec"]) == ("updated", True)
    done = admin.call("POST", f"{PATH}/rollback", {"reason": "it broke"})
    assert (done.json()["change"], done.headers["ETag"]) == ("updated", '"3"')
    assert "database" not in done.json()["resource"]["spec"]
    newest = past(admin)["versions"][0]
    assert (newest["version"], newest["restored"], newest["reason"]) == (3, 1, "it broke")
    assert admin.call("POST", f"{PATH}/rollback", {"to": 3}).json()["change"] == "unchanged"
    details = [e["details"] for e in api.events() if e["action"] == "service.apply"]
    assert (details[-1]["restored"], details[-1]["reason"]) == (1, "it broke")


def test_what_was_deleted_comes_back(admin):
    admin.call("PUT", PATH, service(database="x"))
    admin.call("DELETE", PATH)
    back = admin.call("POST", f"{PATH}/rollback", {}).json()
    assert (back["change"], back["resource"]["metadata"]["version"]) == ("created", 3)
    refused = admin.call("POST", f"{PATH}/rollback", {"to": 2})
    assert (refused.status_code, "is its deletion" in refused.text) == (409, True)


@pytest.mark.parametrize("body", [{}, {"to": 1}])
def test_of_what_never_was_nothing_is_told(admin, body):
    assert admin.call("POST", f"{PATH}/rollback", body).status_code == 404
    assert admin.call("GET", f"{PATH}/history").status_code == 404


def test_a_rollback_can_be_guarded(admin):
    admin.call("PUT", PATH, service())
    admin.call("PUT", PATH, service(database="x"))
    stale = admin.call("POST", f"{PATH}/rollback", {}, **{"If-Match": '"1"'})
    assert stale.status_code == 412


def test_a_version_that_is_not_right_any_more_is_refused_with_its_field(api, admin):
    admin.call("PUT", PATH, service())
    admin.call("PUT", PATH, service(database="x"))
    with api.store.write() as transaction:
        old = {"mode": "tcp", "was": 1}
        transaction.execute(table.update().where(table.c.version == 1).values(spec=old))
    refused = admin.call("POST", f"{PATH}/rollback", {})
    assert refused.status_code == 409
    assert "version 1 of Service 'orders' is not right any more: spec." in refused.text


def test_numbers_that_are_no_versions_are_refused(admin):
    admin.call("PUT", PATH, service())
    for number in (0, -1, 2**31, 10**30):
        page = admin.call("GET", f"{PATH}/history", query=f"?before={number}")
        assert page.status_code == 422
        assert admin.call("POST", f"{PATH}/rollback", {"to": number}).status_code == 422
