from dataclasses import replace

import pytest

from pgward.ca.login.passkeys import site
from pgward.ca.login.passkeys.site import Site
from pgward.ca.settings import CaSettings, LoginSettings, Settings
from pgward.core.errors import InvalidInputError


def settings(url="https://localhost:8443", page_url=""):
    return Settings(ca=CaSettings(name="Acme", url=url), login=LoginSettings(page_url=page_url))


@pytest.mark.parametrize(
    ("url", "page_url", "expected"),
    [
        ("https://localhost:8443", "", ("localhost", "https://localhost:8443")),
        ("https://CA.example.com:443", "", ("ca.example.com", "https://ca.example.com")),
        ("https://ca:8443", "https://login.example.com", (site_id := "login.example.com",)),
    ],
)
def test_the_site_is_the_host_of_the_page(url, page_url, expected):
    found = site.of(settings(url, page_url))
    assert (found.id, found.origin)[: len(expected)] == expected
    assert site_id


@pytest.mark.parametrize("url", ["https://127.0.0.1:8443", "https://[::1]:8443"])
def test_there_are_no_passkeys_for_addresses(url):
    assert site.of(settings(url)) is None
    with pytest.raises(InvalidInputError, match="passkeys need a host name") as caught:
        site.needed(settings(url))
    assert "page_url" in caught.value.hint


def test_the_pages_address_has_the_visit_and_the_state():
    page = Site("localhost", "https://localhost:8443", "Acme").page("v", "s")
    assert page == "https://localhost:8443/login?visit=v&state=s"


def test_a_page_url_is_an_https_origin():
    wrong = replace(LoginSettings(), page_url="http://login.example.com/x")
    with pytest.raises(InvalidInputError, match="page_url"):
        wrong.check()
