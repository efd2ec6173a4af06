from dataclasses import replace

import pytest

from pgward.ca.login import way_back
from pgward.ca.settings import LoginSettings, Settings
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1/callback", "http://[::1]:65535/callback"])
def test_a_listener_on_way_back_may_be_named(uri):
    assert way_back.checked(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "http://localhost:80/callback",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:80/other",
        "http://127.0.0.1:80/callback?x=y",
        "http://127.0.0.1:80/callback#x",
        "http://127.0.0.1:080/callback",
        "http://user@127.0.0.1:80/callback",
        "http://127.0.0.1:80@evil.example/callback",
        "http://127.0.0.1.evil.example:80/callback",
        "http://127.0.0.2:80/callback",
        "http://0.0.0.0:80/callback",
        "https://127.0.0.1:80/callback",
        "javascript:alert(1)//127.0.0.1:80/callback",
        "http://[::1:80/callback",
        "http://127.0.0.1:80/callback" + "x" * 100,
    ],
)
def test_nothing_else_may(uri):
    with pytest.raises(InvalidInputError, match="redirect_uri"):
        way_back.checked(uri)


def test_a_query_is_escaped():
    found = way_back.with_query("http://127.0.0.1:1/callback", code="a&b", state="ä")
    assert found == "http://127.0.0.1:1/callback?code=a%26b&state=%C3%A4"


def test_so_may_our_own_page_where_it_is_known():
    page = way_back.own(Settings())
    assert page == f"{Settings().ca.url}/sign-in/back"
    assert way_back.checked(page, page) == page
    for other in (f"{page}?x", f"{page}/", page.replace("https", "http")):
        with pytest.raises(InvalidInputError):
            way_back.checked(other, page)
    with pytest.raises(InvalidInputError):
        way_back.checked(page)


def test_it_is_where_browsers_write_that_it_is():
    settings = replace(Settings(), login=LoginSettings(page_url="https://Login.example.com:443"))
    assert way_back.own(settings) == "https://login.example.com/sign-in/back"
