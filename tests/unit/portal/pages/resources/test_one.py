"""One resource on a page, and its end."""

import pytest

from tests.fixtures.declaring import XSS, declare
from tests.fixtures.web_person import WebPerson

PATH = "/admin/resources/services/orders"
FLOW = {
    "kind": "AccessFlow",
    "metadata": {"name": "entry"},
    "spec": {
        "services": ["orders"],
        "who": {"groups": ["dba"]},
        "maxDuration": "8h",
        "approvals": [{"users": ["root"]}],
    },
}


@pytest.fixture
def root(web, admin) -> WebPerson:
    declare(admin, description=XSS, reason=XSS)
    assert admin.call("PUT", "/v1/resources/accessflow/entry", FLOW).status_code == 200
    return web.sign_in("root")


def test_a_resource_is_shown_with_what_hangs_on_it(root):
    page = root.open(PATH)
    assert "entry AccessFlow spec.services" in page.text
    assert page.links["entry"] == "/admin/resources/accessflows/entry"
    assert "root created it" in page.text
    assert XSS not in page.answer.text
    assert page.answer.text.count("&lt;script&gt;") == 3  # its YAML, its description, its reason
    page = root.open("/admin/resources/accessflows/entry")
    assert "dba" in page.text
    assert page.links["orders"] == PATH


def test_of_very_many_that_name_it_some_are_shown(root, monkeypatch):
    monkeypatch.setattr("pgward.portal.pages.resources.one._MOST", 0)
    assert "and 1 more" in root.open(PATH).text
    assert "and 1 more" in root.open(f"{PATH}/+delete").text


def test_a_resource_goes_when_that_is_said_again(root, admin):
    page = root.open(f"{PATH}/+delete")
    assert "will name nothing then" in page.text
    page = root.press("Delete the service", reason="moved")
    assert (page.path, "orders is deleted" in page.text) == ("/admin/resources/services", True)
    assert admin.call("GET", "/v1/resources/service/orders").status_code == 404
    found = admin.call("GET", "/v1/resources/service/orders/history").json()["versions"][0]
    assert (found["change"], found["reason"], found["by"]) == ("deleted", "moved", "root")
    assert root.open(PATH).status == 404


def test_what_changed_meanwhile_is_not_deleted(root, admin):
    root.open(f"{PATH}/+delete")
    declare(admin, description="another")
    page = root.press("Delete the service")
    assert (page.status, "has version 2, not 1" in page.text) == (412, True)
    assert admin.call("GET", "/v1/resources/service/orders").status_code == 200


def test_others_delete_nothing(root, api, admin, app):
    form = root.open(f"{PATH}/+delete").forms[-1].fields
    api.add("alice")
    alice = WebPerson(app).sign_in("alice")
    token = alice.open("/databases").forms[0].fields["csrf"]
    page = alice.send(f"{PATH}/+delete", {**form, "csrf": token})
    assert page.status == 403
    assert admin.call("GET", "/v1/resources/service/orders").status_code == 200
