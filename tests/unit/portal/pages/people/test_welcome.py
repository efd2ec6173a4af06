"""From a link to being signed in."""

import json
from urllib.parse import urlsplit

import pytest

from pgward.ca.limiting.limits import Limits
from pgward.ca.settings import LimitSettings
from tests.fixtures.ca_service import Device
from tests.fixtures.edge_services import actions
from tests.fixtures.factors import App
from tests.fixtures.web_person import WebPerson

EVIL = "<script>alert(1)</script>"
NEW = "a battery of the horse"
BUTTON = "Set it, and sign in"


@pytest.fixture
def link(api, admin):
    """A link of ann's, without its origin."""
    api.add("ann", password=None)
    admin.call("PATCH", "/v1/users/ann", {"full_name": EVIL})
    return invite(admin)


def invite(admin):
    made = admin.call("POST", "/v1/users/ann/invitation", {}).json()["link"]
    return f"/welcome?{urlsplit(made).query}"


def test_somebody_chooses_a_password_and_is_in(web, api, link):
    page = web.open(link)
    assert (page.status, f"Welcome, {EVIL}" in page.text) == (200, True)
    assert "root invites you" in page.text
    assert "at least 8 letters" in page.text
    assert EVIL not in page.answer.text
    page = web.press(BUTTON, password=NEW, again=NEW)
    assert (page.path, "You are in" in page.text) == ("/welcome/in", True)
    assert page.links["Your databases"] == "/databases"
    assert "--user ann" in page.text
    assert web.open("/databases").status == 200
    assert Device(api).login("ann", NEW).json()["status"] == "done"
    assert actions(api, "invitation.accept") == [("ann", "invitation.accept", "ok", "ann")]
    assert NEW not in str(api.events())


def test_a_link_counts_once(web, app, link):
    other = WebPerson(app)
    other.open(link)  # which another one sees, too
    web.open(link)
    web.press(BUTTON, password=NEW, again=NEW)
    page = other.press(BUTTON, password=NEW, again=NEW)
    assert (page.status, "This link opens nothing" in page.text) == (403, True)
    page = other.open(link)
    assert (page.status, "Ask an administrator" in page.text) == (403, True)
    assert other.open("/databases").path == "/sign-in"


def test_a_password_that_is_no_good_is_told(web, link):
    web.open(link)
    for password, again, words in (
        (NEW, "other", "are not the same"),
        ("short", "short", "has 5 letters"),
        ("x" * 300, "x" * 300, "256"),
    ):
        page = web.press(BUTTON, password=password, again=again)
        assert (page.status, words in page.text) == (422, True), page.text
        assert password not in page.answer.text
    assert web.press(BUTTON, password=NEW, again=NEW).path == "/welcome/in"


def test_a_second_factor_that_a_rule_wants_is_set_up(web, admin, link, clock):
    rule = {"appliesTo": {"users": ["ann"]}, "secondFactor": "required"}
    body = {"kind": "LoginRule", "metadata": {"name": "r"}, "spec": rule}
    assert admin.call("PUT", "/v1/resources/LoginRule/r", body).status_code in {200, 201}
    web.open(link)
    page = web.press(BUTTON, password=NEW, again=NEW)
    assert "Set up a second factor" in page.text
    secret = json.loads(page.forms[0].fields["facts"])
    page = web.press("Set it up", code=App(clock).scan(secret).code())
    assert page.path == "/welcome/in"


@pytest.mark.parametrize(
    "text", ["", "pgi1.", "pgi1.AAAA", "x", "pgi1.%3Cscript%3E", "pgi1.%C3%A9"]
)
def test_what_is_no_link_opens_nothing(web, api, text):  # noqa: ARG001 - it runs
    page = web.open(f"/welcome?invitation={text}")
    assert (page.status, "This link opens nothing" in page.text) == (403, True)
    assert "<script>" not in page.answer.text
    assert web.open(f"/welcome?invitation={'x' * 300}").status == 404


def test_guessing_is_put_on_record_and_slowed_down(web, app, api, link):
    few = Limits(LimitSettings(failed_proofs_per_minute=1))
    object.__setattr__(app.state.context, "limits", few)
    form = web.open(link).forms[0].fields
    sent = {**form, "invitation": "pgi1.AAAA", "password": NEW, "again": NEW}
    statuses = {web.send("/welcome", sent).status for _ in range(4)}
    assert statuses == {403, 429}
    assert actions(api, "invitation.accept")[0][:3] == ("unknown", "invitation.accept", "denied")


def test_who_is_signed_in_as_another_is_that_person_then(web, link):
    web.sign_in("root")
    web.open(link)
    web.press(BUTTON, password=NEW, again=NEW)
    assert web.open("/admin").status == 403


def test_a_link_for_who_has_a_password_ends_other_sign_ins(web, api, admin, link):
    web.open(link)
    web.press(BUTTON, password=NEW, again=NEW)
    device = Device(api)
    device.login("ann", NEW)
    web.open(invite(admin))
    page = web.press(BUTTON, password=f"{NEW} 2", again=f"{NEW} 2")
    assert page.path == "/welcome/in"
    assert device.call("GET", "/v1/me").status_code == 401
