import pytest

from tests.fixtures.ca_service import service


@pytest.mark.usefixtures("edge")
def test_the_first_page_shows_what_is_open_to_one(web, api, admin):
    api.add("alice", "dba")
    body = service() | {"metadata": {"name": "orders", "description": "<i>Orders"}}
    assert admin.call("PUT", "/v1/resources/Service/orders", body).status_code in {200, 201}
    page = web.sign_in("alice").open("/")
    assert page.path == "/databases"
    assert "pgward psql orders" in page.text
    assert "&lt;i&gt;Orders" in page.answer.text
    assert "open to you" in page.text


def test_nothing_is_shown_of_what_is_not(web, api, admin):
    api.add("bob")
    assert admin.call("PUT", "/v1/resources/Service/orders", service()).status_code in {200, 201}
    page = web.sign_in("bob").open("/databases")
    assert "orders" not in page.text
    assert "No database is open to you yet" in page.text
