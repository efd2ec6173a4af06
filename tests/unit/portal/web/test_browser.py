import pytest
from fastapi import Request, Response

from pgward.portal.web import browser
from pgward.portal.web.browser import Browser

ID = "A" * 43


def request(cookie="", agent=""):
    headers = [(b"cookie", cookie.encode()), (b"user-agent", agent.encode())]
    return Request({"type": "http", "headers": headers})


def test_a_browser_without_an_id_gets_one_and_keeps_it():
    found = Browser.of(request())
    response = Response()
    found.remember(response)
    assert found.is_new
    assert response.headers["set-cookie"].startswith(f"{browser.BROWSER}={found.id};")


def test_a_known_one_is_told_nothing():
    found = Browser.of(request(f"{browser.BROWSER}={ID}"))
    response = Response()
    found.remember(response)
    assert (found.id, found.is_new) == (ID, False)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("value", ["", "x", "A" * 44, "A" * 42 + "!"])
def test_what_is_no_id_counts_as_none(value):
    assert Browser.of(request(f"{browser.BROWSER}={value}")).is_new


def test_the_thumbprint_does_not_give_the_id_away():
    one, other = Browser(ID, ""), Browser("B" * 43, "")
    assert len(one.thumbprint) == 43
    assert one.thumbprint not in (ID, other.thumbprint)
    assert ID not in repr(one)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:1) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU like Mac OS X) Version/18 Safari/604", "Safari on iPhone"),
        ("curl/8", "Browser"),
        ("", "Browser"),
    ],
)
def test_browsers_are_called_as_people_call_them(agent, name):
    assert browser.named(agent) == name


def test_a_cookie_is_forgotten_as_it_was_kept():
    response = Response()
    browser.forget(response, browser.SESSION)
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert "Secure" in response.headers["set-cookie"]
