import html
import json
import re
from datetime import timedelta

import pytest

from pgward.ca.notices import links
from pgward.ca.notices.links import Link
from pgward.portal.visits import decide
from tests.fixtures.ca_service import SEALER, URL
from tests.fixtures.notices import ID, FakeRequests, facts
from tests.unit.portal.visits.test_passkey import registered

FROM_PAGE = {"Origin": URL, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def requests(app):
    made = FakeRequests()
    decide.install(app, app.state.context, made)
    return made


@pytest.fixture
def link(requests, api):  # noqa: ARG001 - the page has to be there
    end = api.clock.now() + timedelta(hours=1)
    return links.seal(SEALER, Link(ID, "r7k2", None, links.digest("r7k2", facts()), end))


def page(api, link, **headers):
    return api.call("GET", f"/decide?link={link}", **headers)


def value(name, text):
    return html.unescape(re.search(rf'data-{name}="([^"]*)"', text)[1])


def test_the_page_shows_what_is_asked(api, link, requests):
    answer = page(api, link)
    assert answer.status_code == 200
    assert "ana asks for access to shop" in answer.text
    assert "TICKET-1: orders are stuck" in answer.text
    assert "pgward approve r7k2" in answer.text
    assert "<dt>in shop-reading</dt><dd>SELECT on x</dd>" in answer.text
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == (
        "no-store",
        "same-origin",
    )
    assert requests.decisions == []


def test_what_people_wrote_is_escaped(api, requests):
    evil = "<script>alert(1)</script>"
    asked = facts(reason=evil)
    requests.asked = requests.asked.__class__("r7k2", asked, "pending", 1)
    end = api.clock.now() + timedelta(hours=1)
    sealed = links.seal(SEALER, Link(ID, "r7k2", None, links.digest("r7k2", asked), end))
    text = page(api, sealed).text
    assert evil not in text
    assert html.escape(evil) in text


def test_the_script_and_the_style_are_served(api, link):
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page(api, link).text):
        assert api.call("GET", path).status_code == 200


@pytest.mark.parametrize("query", ["", "?link=x", "?link=%C3%A9"])
def test_a_link_that_is_none_is_explained_on_a_page(api, requests, query):
    answer = api.call("GET", f"/decide{query}")
    assert answer.status_code == 400
    assert "This link is not one of this authority&#39;s" in answer.text
    assert requests.decisions == []


def test_the_page_at_another_address_is_none(api, link):
    answer = page(api, link, host="other.example")
    assert answer.status_code == 400
    assert f"Open the page at {URL}." in html.unescape(answer.text)


def body(api, link, **changes):
    text = page(api, link).text
    sent = {"link": link, "form": value("form", text), "approve": True, "credential": None}
    return sent | changes, json.loads(value("options", text))


def test_a_passkey_decides(api, alice, link, requests):  # noqa: ARG001 - alice is who has it
    _, phone = registered(api, "alice")
    sent, options = body(api, link)
    sent["credential"] = phone.use(options)
    answer = api.call("POST", "/decide", sent, **FROM_PAGE)
    assert (answer.status_code, answer.json()) == (200, {"state": "approved"})
    assert requests.decisions == [("alice", True, "")]
    (event,) = [each for each in api.events() if each["action"] == "access.link"]
    assert (event["actor"], event["target"], event["client"]) == ("alice", "r7k2", "testclient")
    assert event["details"] == {"by": "passkey", "decision": "approve"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": URL, "Sec-Fetch-Site": "cross-site"},
        {"Origin": URL, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_decides_nothing(api, link, requests, headers):
    sent, _ = body(api, link)
    answer = api.call("POST", "/decide", sent, **headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == "this is for the authority's own page"
    assert requests.decisions == []


def test_a_form_of_html_decides_nothing(api, link, requests):
    sent, _ = body(api, link)
    answer = api.client.post("/decide", data={key: str(each) for key, each in sent.items()})
    assert answer.status_code in (403, 422)
    assert requests.decisions == []


def test_a_refusal_needs_a_reason(api, link, requests):
    sent, _ = body(api, link, approve=False, reason=" ")
    answer = api.call("POST", "/decide", sent, **FROM_PAGE)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == "a refusal needs a reason"
    assert requests.decisions == []


@pytest.mark.parametrize(
    "change", [{"approve": "yes"}, {"link": "x" * 2000}, {"extra": 1}, {"reason": "x" * 501}]
)
def test_garbage_is_refused(api, link, requests, change):
    sent, _ = body(api, link)
    assert api.call("POST", "/decide", sent | change, **FROM_PAGE).status_code == 422
    assert requests.decisions == []


def test_the_link_alone_decides_nothing(api, link, requests):
    sent, _ = body(api, link)
    answer = api.call("POST", "/decide", sent, **FROM_PAGE)
    assert answer.status_code == 403
    assert requests.decisions == []
