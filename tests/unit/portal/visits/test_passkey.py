import html
import json
import re

import pytest

from pgward.ca import caller
from pgward.ca.login.passkeys.site import Site
from pgward.portal.visits import passkey
from pgward.portal.web import templates
from tests.fixtures.ca_service import URL
from tests.fixtures.passkeys import CALLBACK, query
from tests.fixtures.soft_authenticator import SoftAuthenticator

FROM_PAGE = {"Origin": URL, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def begun(alice):
    """A login with a passkey that a device has begun."""
    body = {"method": "passkey", "redirect_uri": CALLBACK, "device": {"name": "<laptop>"}}
    alice.token = None
    answer = alice.call("POST", "/v1/login", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def page(api, url, **headers):
    return api.call("GET", url.removeprefix(URL), **headers)


def test_the_page_shows_the_code_and_who_asks(api, begun):
    facts = begun["ask"]["facts"]
    answer = page(api, facts["url"])
    assert answer.status_code == 200
    assert facts["code"] in answer.text
    assert "&lt;laptop&gt;" in answer.text
    assert "another address" not in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for name in ("content-security-policy", "x-frame-options", "permissions-policy"):
        assert name in answer.headers
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == (
        "no-store",
        "same-origin",
    )
    assert "set-cookie" not in answer.headers


def test_what_the_page_names_is_served_for_ever(api, begun):
    text = page(api, begun["ask"]["facts"]["url"]).text
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', text):
        answer = api.call("GET", path)
        assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")
        assert "immutable" in answer.headers["cache-control"]
    assert api.call("GET", "/static/page.css").status_code == 404


def test_a_browser_elsewhere_is_warned_of(begun, app):
    sealed = query(begun["ask"]["facts"]["url"])["visit"]
    shown = app.state.visits.show(sealed)
    assert shown.visit.address == "testclient"
    before = caller.client.set("203.0.113.9")
    facts = passkey._facts(Site("localhost", URL, "Acme"), sealed, shown)
    caller.client.reset(before)
    assert "another address" in templates.render("visit.html", **facts)


@pytest.mark.parametrize("path", ["/login", "/login?visit=x", "/login?visit=%C3%A9"])
def test_a_link_that_is_none_is_explained_on_a_page(api, path):
    answer = api.call("GET", path)
    assert answer.status_code == 400
    assert "This link is not one of this authority&#39;s" in answer.text
    assert "Begin again in the terminal." in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_the_page_at_another_address_says_where_passkeys_work(api, begun):
    answer = page(api, begun["ask"]["facts"]["url"], host="other.example")
    assert answer.status_code == 400
    assert f"Open the page at {URL}." in html.unescape(answer.text)


def use(api, begun, phone, **headers):
    url = begun["ask"]["facts"]["url"]
    options = html.unescape(re.search(r'data-options="([^"]*)"', page(api, url).text)[1])
    credential = phone.use(json.loads(options))
    body = {"visit": query(url)["visit"], "credential": credential}
    return api.call("POST", "/login/used", body, **(headers or FROM_PAGE))


def registered(api, user):
    """Add a passkey through the page; return its authenticator."""
    device, phone = api.device(user), SoftAuthenticator()
    body = {"name": "phone", "redirect_uri": CALLBACK}
    started = device.call("POST", "/v1/me/passkeys", body).json()
    sent = {"visit": query(started["url"])["visit"], "code": started["code"]}
    options = api.call("POST", "/login/code", sent, **FROM_PAGE).json()
    sent["credential"] = phone.make(options)
    onward = api.call("POST", "/login/made", sent, **FROM_PAGE).json()["redirect"]
    assert onward.startswith(f"{CALLBACK}?")
    finished = {"flow": started["flow"], "answer": query(onward)}
    answer = device.call("POST", "/v1/me/passkey-attestations", finished)
    assert answer.status_code == 201, answer.text
    return device, phone


def test_a_passkey_is_added_and_logs_in_through_the_page(api, alice, begun):
    _, phone = registered(api, "alice")
    onward = use(api, begun, phone)
    assert onward.status_code == 200, onward.text
    brought = query(onward.json()["redirect"])
    body = {"flow": begun["flow"], "answer": brought}
    done = alice.call("POST", "/v1/login/continue", body)
    assert (done.status_code, done.json()["user"]["name"]) == (200, "alice")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": URL, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_only_the_page_itself_may_send(api, begun, headers):
    _, phone = registered(api, "alice")
    answer = use(api, begun, phone, **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "denied")


@pytest.mark.parametrize(
    "body", [None, [], {}, {"visit": "x"}, {"visit": "x", "credential": {}}, "x" * 70_000]
)
def test_strange_bodies_are_refused(api, body):
    for path in ("/login/used", "/login/made", "/login/code"):
        assert api.call("POST", path, body, **FROM_PAGE).status_code in (413, 415, 422)


def test_the_page_is_no_part_of_the_apis_description(api):
    paths = api.call("GET", "/v1/openapi.json").json()["paths"]
    assert not [
        each for each in paths if not each.startswith(("/v1/", "/ocsp", "/healthz", "/readyz"))
    ]
