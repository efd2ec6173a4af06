"""Looking for resources among many."""

import pytest

from tests.fixtures.declaring import XSS, declare
from tests.fixtures.web_person import WebPerson


@pytest.fixture
def root(web, admin) -> WebPerson:  # noqa: ARG001 - there is an administrator
    return web.sign_in("root")


def test_every_kind_has_a_page(root):
    page = root.open("/admin/resources")
    kinds = {path for path in page.links.values() if path.startswith("/admin/resources/")}
    kinds.remove("/admin/resources/+apply")
    assert len(kinds - {"/admin/resources/+apply"}) == 10
    for path in sorted(kinds):
        assert root.open(path).status == 200


def test_people_have_pages_of_their_own(root):
    links = root.open("/admin/resources").links
    assert (links["People"], links["Groups"]) == ("/admin/people", "/admin/groups")
    assert root.open("/admin/resources/users").path == "/admin/people"
    assert root.open("/admin/resources/groups").path == "/admin/groups"


def test_short_addresses_lead_there(root):
    assert root.open("/admin/services").path == "/admin/resources/services"
    assert root.open("/admin/policies").path == "/admin/resources/policies"


def test_what_is_none_yet_can_be_made(root):
    assert root.open("/admin/resources/services").links["Make the first"].endswith("/+new")


def test_resources_are_found_by_words_and_shown_in_pages(root, admin, monkeypatch):
    monkeypatch.setattr("pgward.portal.pages.resources.listing._PAGE", 2)
    for name in ("s1", "s2", "s3"):
        declare(admin, name, description=XSS if name == "s3" else "")
    page = root.open("/admin/resources/services")
    assert "3 services" in page.text
    assert {"s1", "s2"} <= page.links.keys()
    page = root.open(page.links["Next page"])
    assert "s3" in page.links
    assert "s2" not in page.links
    assert XSS not in page.answer.text
    assert "s1" in root.open(page.links["First page"]).links
    page = root.open("/admin/resources/service?q=S1 db1.")
    assert "s1" in page.links
    assert "s2" not in page.links
    assert "Nothing has these words" in root.open("/admin/resources/services?q=<b>").text


def test_what_is_no_kind_is_told(root):
    page = root.open("/admin/resources/servces")
    assert (page.status, "Did you mean Service?" in page.text) == (404, True)


def test_others_see_nothing_of_it(web, api):
    api.add("alice")
    web.sign_in("alice")
    for path in ("", "/services", "/services/orders", "/services/orders/+history"):
        assert web.open(f"/admin/resources{path}").status == 403
