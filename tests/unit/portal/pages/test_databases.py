import pytest

from pgward.portal.pages import databases
from tests.fixtures.ca_service import service
from tests.fixtures.edge_services import aware, declare
from tests.fixtures.web_person import WebPerson

EVIL = "<script>alert(1)</script>"


def test_the_first_page_shows_what_is_open_to_one(web, api, admin, edge):
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200
    api.add("alice", "dba")
    body = service() | {"metadata": {"name": "orders", "description": "<i>Orders"}}
    assert admin.call("PUT", "/v1/resources/Service/orders", body).status_code in {200, 201}
    page = web.sign_in("alice").open("/")
    assert page.path == "/databases"
    assert "pgward psql orders" in page.text
    assert "&lt;i&gt;Orders" in page.answer.text
    assert "open to you" in page.text


def test_nothing_is_shown_of_what_is_not(web, api, admin, app):
    api.add("bob")
    assert admin.call("PUT", "/v1/resources/Service/orders", service()).status_code in {200, 201}
    page = web.sign_in("bob").open("/databases")
    assert "orders" not in page.text
    assert "No database is open to you yet" in page.text
    assert "An administrator opens" in page.text
    page = WebPerson(app).sign_in("root").open("/databases")
    assert page.links["Services"] == "/admin/resources/services"


def test_many_are_searched_and_come_in_pages(web, api, admin, monkeypatch):
    monkeypatch.setattr(databases, "_A_PAGE", 2)
    api.add("alice", "dba")
    for name in ("a1", "a2", "b1"):
        declare(admin, service(name))
    page = web.sign_in("alice").open("/databases")
    assert ("a2" in page.links, "b1" in page.links) == (True, False)
    page = web.open(page.links["Next page"])
    assert ("a2" in page.links, "b1" in page.links) == (False, True)
    assert page.links["First page"] == "/databases"
    page = web.open("/databases?search=B")
    assert ("a1" in page.links, "b1" in page.links) == (False, True)
    page = web.open(f"/databases?search={EVIL}")
    assert f"Nothing like {EVIL} is open to you" in page.text
    assert EVIL not in page.answer.text
    assert web.open(f"/databases?search={'x' * 101}").status == 404


@pytest.mark.usefixtures("edge")
def test_each_says_how_it_stands(web, api, admin):
    api.add("alice", "dba")
    rules = [{"name": "all", "effect": "DENY", "condition": "true", "reason": EVIL}]
    declare(admin, aware("closed", policy={"rules": rules}))
    page = web.sign_in("alice").open("/databases")
    assert f"A rule keeps you out now: {EVIL}" in page.text
    assert EVIL not in page.answer.text
    assert "pgward psql closed" not in page.text
    declare(admin, aware("closed"))
    assert "may be away" in web.open("/databases").text


def test_what_may_be_asked_for_is_offered_until_one_has_it(who, access, app):
    who("ann")
    ann = WebPerson(app).sign_in("ann")
    assert ann.open("/databases?search=SHO").links["Ask"] == "/requests/new/shop"
    assert "Ask" not in ann.open("/databases?search=none").links
    assert access is not None
