"""That the pages stand on the application that serves the API."""

from collections import Counter

from tests.fixtures import page_routes


def test_a_page_and_the_api_have_one_address(api):
    assert api.call("GET", "/login").headers["content-type"].startswith("text/html")
    assert api.call("GET", "/v1/login").headers["content-type"] == "application/json"


def test_no_page_is_part_of_the_description(app):
    described = set(app.openapi()["paths"])
    assert "/v1/login" in described
    assert described.isdisjoint({"/", "/login", "/decide", "/sign-in"})


def test_every_page_is_served_once(app):
    found = Counter(str(each) for each in page_routes.every(app))
    assert [each for each, number in found.items() if number > 1] == []
