import webbrowser

import pytest

from pgward.client.login import page
from pgward.core.errors import UnavailableError
from pgward.system import terminal

URL = "https://ca.test:8443/login?visit=v&state=s"


class FakeLoopback:
    def wait(self, state):
        return {"code": "c", "state": state}


@pytest.fixture
def said(monkeypatch):
    said = []
    monkeypatch.setattr(terminal, "prompt", said.append)
    return said


def test_the_browser_is_opened_and_the_redirect_is_known_by_its_state(said, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    found = page.visit(URL, FakeLoopback(), browser=True, verb="make the passkey")
    assert (found, opened) == ({"code": "c", "state": "s"}, [URL])
    assert said == [f"make the passkey with the browser that opens; if none does, open\n{URL}"]


def broken(_url):
    raise webbrowser.Error


@pytest.mark.parametrize("opens", [lambda _url: False, broken])
def test_the_address_is_shown_where_no_browser_opens(said, monkeypatch, opens):
    monkeypatch.setattr(webbrowser, "open", opens)
    page.visit(URL, FakeLoopback(), browser=True)
    page.visit("https://x.test/", FakeLoopback(), browser=False)
    assert said[0] == f"open this page in a browser on this machine:\n{URL}"
    assert len(said) == 2


def test_a_page_that_nobody_comes_back_from(said):
    page.show(URL, browser=False, verb="log out")
    assert said == [f"open this page in a browser on this machine:\n{URL}"]


@pytest.mark.parametrize(
    "url", [None, 1, "", "file:///etc/passwd", "javascript:1", "http://ca.test/", "https:///x", "é"]
)
def test_a_lying_ca_starts_no_programs(url):
    with pytest.raises(UnavailableError):
        page.url_in({"url": url})


def test_pages_are_https_or_on_loopback():
    for url in (URL, "http://127.0.0.1:1/x"):
        assert page.url_in({"url": url}) == url


def test_the_way_back_is_added_escaped():
    found = page.with_way_back(URL, "http://127.0.0.1:1/callback")
    assert found == f"{URL}&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcallback"
