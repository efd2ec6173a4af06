import json

import pytest

from pgward.ca.identity import sessions
from pgward.portal.web.browser import BROWSER, SESSION
from tests.fixtures.ca_service import PASSWORD, URL
from tests.fixtures.factors import App
from tests.fixtures.web_person import WebPerson
from tests.unit.ca.service.routes.test_mfa import add_app


def rule(admin, **spec):
    """Make a rule for the logins of all."""
    body = {
        "kind": "LoginRule",
        "metadata": {"name": "r"},
        "spec": {"appliesTo": {"everyone": True}, **spec},
    }
    answer = admin.call("PUT", "/v1/resources/LoginRule/r", body)
    assert answer.status_code in {200, 201}, answer.text


def test_who_is_not_signed_in_is_asked_to_and_comes_back(web, api):
    api.add("alice")
    page = web.open("/databases?x=1")
    assert (page.status, page.path) == (200, "/sign-in")
    page = web.press("Sign in", user="alice", password=PASSWORD)
    assert (page.status, page.path) == (200, "/databases")
    assert str(page.answer.url).endswith("/databases?x=1")
    assert "No database is open to you yet" in page.text


def test_a_wrong_password_is_told_as_in_the_terminal(web, api):
    api.add("alice")
    web.open("/sign-in")
    page = web.press("Sign in", user="alice", password="wrong")
    assert page.status == 403
    assert "Wrong user name or password." in page.text
    assert page.forms[0].fields["user"] == "alice"
    assert page.forms[0].fields["password"] == ""
    assert SESSION not in web.client.cookies


def test_the_cookies_are_for_us_alone(web, api):
    api.add("alice")
    web.open("/sign-in")
    web.client.follow_redirects = False
    page = web.press("Sign in", user="alice", password=PASSWORD)
    found = page.answer.headers.get_list("set-cookie")
    token = next(each for each in found if each.startswith(f"{SESSION}="))
    for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert word in token
    assert "Domain" not in token
    assert PASSWORD not in page.answer.text


def test_a_session_is_the_browsers_own(web, api, app):
    api.add("alice")
    web.sign_in("alice")
    other = WebPerson(app)
    other.client.cookies.set(SESSION, web.client.cookies[SESSION], domain="localhost.local")
    other.client.cookies.set(SESSION, web.client.cookies[SESSION])
    assert other.open("/databases").status == 403
    assert any(each["action"] == "session.stolen" for each in api.events())


def test_a_token_of_a_terminal_opens_no_page(web, alice):
    web.open("/sign-in")
    web.client.cookies.set(SESSION, alice.token)
    assert web.open("/databases").status == 403


def test_a_cookie_opens_nothing_of_the_api(web, api, alice):
    api.add("carol")
    web.sign_in("carol")
    alice.token = web.client.cookies[SESSION]
    assert alice.call("GET", "/v1/me").status_code == 403


def test_signing_out_ends_the_session(web, api):
    api.add("alice")
    token = web.sign_in("alice").client.cookies[SESSION]
    page = web.press("Sign out")
    assert "You are signed out" in page.text
    assert web.open("/databases").path == "/sign-in"
    with api.store.read() as connection:
        assert sessions.find(connection, token, api.clock.now()) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_what_another_site_sends_is_refused(web, api, headers):
    api.add("alice")
    form = web.open("/sign-in").forms[0]
    page = web.send("/sign-in", {**form.fields, "user": "alice", "password": PASSWORD}, **headers)
    assert page.status == 403
    assert "was not sent from a page of this authority" in page.text


def test_a_form_without_its_token_is_refused(web, api):
    api.add("alice")
    web.open("/sign-in")
    fields = {"method": "password", "user": "alice", "password": PASSWORD}
    for token in ("", "x", "é", "A" * 86):
        assert web.send("/sign-in", {**fields, "csrf": token}).status == 403
    assert SESSION not in web.client.cookies


def test_a_token_of_another_browser_does_not_do(web, api, app):
    api.add("alice")
    form = WebPerson(app).open("/sign-in").forms[0]
    web.open("/sign-in")
    page = web.send("/sign-in", {**form.fields, "user": "alice", "password": PASSWORD})
    assert page.status == 403


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/sign-in"]
)
def test_nobody_is_sent_elsewhere(web, api, wanted):
    api.add("alice")
    form = web.open("/sign-in").forms[0]
    fields = {**form.fields, "user": "alice", "password": PASSWORD, "next": wanted}
    page = web.send("/sign-in", fields)
    assert (page.path, page.answer.url.host) == ("/databases", "localhost")


def test_a_second_factor_is_asked_for_and_may_be_tried_again(web, alice, clock):
    app, codes = add_app(alice)
    web.open("/sign-in?next=/databases")
    page = web.press("Sign in", user="alice", password=PASSWORD)
    assert "Confirm that it is you" in page.text
    page = web.press("Confirm", code="000 000")
    assert (page.status, "Wrong code." in page.text) == (403, True)
    clock.move(seconds=30)
    page = web.press("Confirm", code=f" {app.code()[:3]} {app.code()[3:]} ")
    assert (page.status, page.path) == (200, "/databases")
    web.press("Sign out")
    web.open("/sign-in")
    web.press("Sign in", user="alice", password=PASSWORD)
    assert web.press("Confirm", code=codes[0]).path == "/databases"


def test_who_needs_a_factor_and_has_none_sets_one_up(web, api, admin, clock):
    api.add("alice", "dba")
    rule(admin, secondFactor="required")
    web.open("/sign-in")
    page = web.press("Sign in", user="alice", password=PASSWORD)
    assert "Set up a second factor" in page.text
    secret = json.loads(page.forms[0].fields["facts"])
    app = App(clock).scan(secret)
    assert "<svg" in page.answer.text
    assert web.press("Set it up", code=app.code()).path == "/databases"


def test_a_new_browser_may_have_to_be_approved(web, admin, alice):
    rule(admin, devices="approval")
    web.open("/sign-in")
    page = web.press("Sign in", user="alice", password=PASSWORD)
    assert "This browser is new" in page.text
    assert "This browser is new" in web.press("It is approved: go on").text
    code = json.loads(page.forms[0].fields["facts"])["code"]
    approved = alice.call("POST", "/v1/me/devices/approve", {"device": code})
    assert approved.status_code == 200, approved.text
    assert web.press("It is approved: go on").path == "/databases"


def test_a_token_lets_a_new_browser_in(web, admin, alice):
    rule(admin, devices="token")
    web.open("/sign-in")
    web.press("Sign in", user="alice", password=PASSWORD)
    assert "not valid" in web.press("Go on", token="x").text
    token = alice.call("POST", "/v1/me/device-tokens", {}).json()["token"]
    assert web.press("Go on", token=f" {token} ").path == "/databases"


def test_a_reason_is_asked_for_and_put_on_record(web, api, admin):
    api.add("alice", "dba")
    rule(admin, reason="required")
    web.open("/sign-in")
    web.press("Sign in", user="alice", password=PASSWORD)
    assert web.press("Go on", reason=" ").status == 422
    assert web.press("Go on", reason="<b>ticket 7").path == "/databases"
    assert api.events()[-1]["details"]["reason"] == "<b>ticket 7"


def test_a_password_may_have_to_be_changed(web, api, admin):
    api.add("alice", "dba")
    changed = admin.call("PATCH", "/v1/users/alice", {"must_change_password": True})
    assert changed.status_code == 200, changed.text
    web.open("/sign-in")
    web.press("Sign in", user="alice", password=PASSWORD)
    new = "another horse battery"
    page = web.press("Change it", password=new, again="other")
    assert "The two passwords are not the same." in page.text
    assert new not in page.answer.text
    assert web.press("Change it", password=new, again=new).path == "/databases"
    web.press("Sign out")
    web.sign_in("alice", new)


def test_a_page_at_another_name_is_at_its_own(web):
    web.client.follow_redirects = False
    page = web.open("/sign-in?next=/requests", host="ca.test")
    assert page.status in {303, 422}


def test_browsers_are_named(web, api):
    api.add("alice")
    web.sign_in("alice")
    with api.store.read() as connection:
        found = sessions.living(connection, "alice", api.clock.now())
    assert [each.device for each in found] == ["Firefox on Linux"]
    assert len(web.client.cookies[BROWSER]) == 43
    assert URL.startswith("https://")


def test_signing_in_again_ends_what_this_browser_had(web, api, app):
    for name in ("alice", "bob"):
        api.add(name)
    other = WebPerson(app).sign_in("alice")
    first = web.sign_in("alice").client.cookies[SESSION]
    second = web.sign_in("alice").client.cookies[SESSION]
    web.sign_in("bob")
    with api.store.read() as connection:
        now = api.clock.now()
        assert sessions.find(connection, first, now) is None
        assert sessions.find(connection, second, now) is None
        assert len(sessions.living(connection, "bob", now)) == 1
    assert other.open("/databases").path == "/databases"
    ended = [each for each in api.events() if each["action"] == "session.end"]
    assert [each["actor"] for each in ended] == ["alice", "alice"]


def test_a_token_that_is_another_browsers_is_not_ended(web, api, app):
    api.add("alice")
    other = WebPerson(app).sign_in("alice")
    web.open("/sign-in")
    web.client.cookies.set(SESSION, other.client.cookies[SESSION])
    web.press("Sign in", user="alice", password=PASSWORD)
    assert other.open("/databases").path == "/databases"
