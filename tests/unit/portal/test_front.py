"""That the pages stand on the application that serves the API."""


def test_a_page_and_the_api_have_one_address(api):
    assert api.call("GET", "/login").headers["content-type"].startswith("text/html")
    assert api.call("GET", "/v1/login").headers["content-type"] == "application/json"


def test_no_page_is_part_of_the_description(app):
    described = set(app.openapi()["paths"])
    assert "/v1/login" in described
    assert described.isdisjoint({"/", "/login", "/decide", "/sign-in"})
