"""The hierarchies and rotations, in a browser."""

import pytest

from tests.fixtures.edge_services import actions
from tests.fixtures.web_person import WebPerson

PAGE = "/admin/ca/rotation"


@pytest.fixture
def person(rotating_ca):
    return WebPerson(rotating_ca.api.client.app).sign_in("root")


def test_both_hierarchies_are_shown_with_their_lists(rotating_ca, person):
    page = person.open("/admin/ca")
    assert page.status == 200, page.text
    for name in ("server-root", "server-issuing", "user-root", "user-issuing"):
        assert name in page.text
    assert rotating_ca.authority.fingerprint in page.text
    hrefs = set(page.answer.text.split('"'))
    for path in (
        "/v1/certs/user-issuing.pem",
        "/v1/certs/server-root.crt",
        "/v1/crls/user-issuing.crl",
    ):
        assert path in hrefs
        assert person.client.get(path).status_code == 200
    assert page.text.index("user-root") < page.text.index("user-issuing")


def test_a_rotation_goes_on_and_back(rotating_ca, person):
    page = person.open(PAGE)
    assert "No rotation is under way" in page.text
    assert "pgward ca rotate start issuing" in page.text
    name = rotating_ca.start("user-issuing").id
    assert "1 under rotation" in person.open("/admin/ca").links
    assert f"{name} ready for issue-new" in person.open(PAGE).text
    page = person.press("Go on")
    assert (page.status, page.path) == (200, PAGE)
    assert f"{name} is in issue-new now. The new CA issues" in page.text
    page = person.press("Go back one phase")
    assert f"{name} is in trust-both now." in page.text
    assert "trust-both, by root" in page.text
    assert {each[0] for each in actions(rotating_ca.api, "rotation.")} == {"root", "system:ca"}


def test_who_is_not_ready_is_named_and_may_be_left_behind(rotating_ca, person):
    name = rotating_ca.start("user-issuing").id
    rotating_ca.edge()
    page = person.open(PAGE)
    assert "edge:e1" in page.text
    assert "not ready for issue-new" in page.text
    page = person.press("Go on")
    assert (page.status, "lags since" in page.text) == (409, True)
    assert person.press("Go on", without="e1").status == 422  # a reason is missing
    page = person.press("Go on", without="e1", reason="<b>scrapped</b>")
    assert f"{name} is in issue-new now." in page.text
    assert "without edge:e1" in page.text
    assert "<b>" not in page.answer.text


def test_what_cannot_be_is_told(rotating_ca, person):
    csrf = person.open("/admin").forms[0].fields["csrf"]
    assert person.send(f"{PAGE}/nothing", {"csrf": csrf, "act": "advance"}).status == 404
    assert person.send(f"{PAGE}/nothing", {"csrf": csrf, "act": "burn"}).status == 422
    rotating_ca.api.add("alice")
    alice = WebPerson(rotating_ca.api.client.app).sign_in("alice")
    csrf = alice.open("/databases").forms[0].fields["csrf"]
    for path in ("/admin/ca", PAGE):
        assert alice.open(path).status == 403
    name = rotating_ca.start("user-issuing").id
    assert alice.send(f"{PAGE}/{name}", {"csrf": csrf, "act": "advance"}).status == 403
