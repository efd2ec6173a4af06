"""A fresh proof for a database, given in a browser."""

from urllib.parse import urlencode

import pytest

from pgward.portal.web.browser import SESSION
from tests.fixtures.ca_service import PASSWORD
from tests.fixtures.edge_services import actions, aware, declare
from tests.fixtures.web_passkeys import make, used
from tests.fixtures.web_person import WebPerson
from tests.unit.ca.service.routes.test_mfa import add_app

PAGE = "/databases/orders"


@pytest.fixture
def ready(web, api, admin, clock):
    """Alice, signed in a while ago, and the app whose codes the service orders accepts."""
    api.add("alice", "dba")
    app, _ = add_app(api.device("alice"))
    declare(admin, aware(), stepUp={"minutes": 15, "factors": ["totp"]})
    clock.move(minutes=1)
    web.open("/sign-in")
    web.press("Sign in", user="alice", password=PASSWORD)
    web.press("Confirm", code=app.code())
    clock.move(minutes=1)
    return app


@pytest.fixture
def passkey(web, api):
    """Alice, signed in, and the authenticator with the passkey that she has made here."""
    api.add("alice", "dba")
    return make(web.sign_in("alice"))


def test_a_code_counts_for_the_minutes(web, api, ready):
    web.open(PAGE)
    assert "Confirm that it is you" in web.press("Give it now").text
    code = ready.code()
    page = web.press("Confirm", code=f"{code[:3]} {code[3:]}")
    assert (page.status, page.path) == (200, PAGE)
    assert "Your proof counts now." in page.text
    assert "given; counts until 2026-11-21 12:17 UTC" in page.text
    assert actions(api, "step_up.prove") == [("alice", "step_up.prove", "ok", "orders")]


def test_a_wrong_code_may_be_given_again(web, ready):
    web.open(PAGE)
    web.press("Give it now")
    page = web.press("Confirm", code="000000")
    assert (page.status, "Wrong code." in page.text) == (403, True)
    assert web.press("Confirm", code=ready.code()).path == PAGE


@pytest.mark.usefixtures("ready")
def test_what_asks_for_nothing_or_is_not_there_says_so(web, admin):
    declare(admin, aware("plain"))
    declare(admin, aware("hidden"), allow={"users": ["bob"]})
    sent = {"csrf": web.open(PAGE).forms[0].fields["csrf"]}
    for name, status in (("plain", 422), ("hidden", 404), ("none", 404), ("%3Cb%3E", 404)):
        page = web.send(f"/databases/{name}/step-up", sent)
        assert page.status == status, name
        assert "<b>" not in page.answer.text
    answer = {"flow": "x", "code": "123456"}
    assert web.send(f"{PAGE}/step-up/answer", sent | answer).status in {403, 422}


def test_who_has_no_factor_is_told(web, api, admin):
    api.add("alice", "dba")
    declare(admin, aware(), stepUp={"minutes": 15, "factors": ["totp"]})
    web.sign_in("alice").open(PAGE)
    page = web.press("Give it now")
    assert (page.status, page.path) == (403, f"{PAGE}/step-up")
    assert "you have none that it accepts" in page.text
    assert "Set an authenticator app up in your account." in page.text


def test_a_password_counts_where_the_service_takes_it(web, api, admin):
    api.add("alice", "dba")
    declare(admin, aware(), stepUp={"minutes": 15, "factors": ["password"]})
    web.sign_in("alice").open(PAGE)
    web.press("Give it now")
    page = web.press("Confirm", password="wrong")
    assert (page.status, "Wrong password." in page.text) == (403, True)
    page = web.press("Confirm", password=PASSWORD)
    assert (page.path, "Your proof counts now." in page.text) == (PAGE, True)
    assert PASSWORD not in str(api.events())


def test_a_passkey_counts(web, admin, api, passkey):
    declare(admin, aware(), stepUp={"minutes": 15})
    web.open(PAGE)
    page = web.press("Give it now")
    assert "Use a passkey" in page.text
    assert "Code of your authenticator app" not in page.text
    page = web.press("Use a passkey", **used(web, passkey))
    assert (page.path, "Your proof counts now." in page.text) == (PAGE, True)
    (event,) = [each for each in api.events() if each["action"] == "step_up.prove"]
    assert (event["outcome"], event["details"]["factor"]) == ("ok", "webauthn")


def test_a_passkey_that_is_no_factor_here_is_not_asked_for(web, admin, passkey):
    assert passkey is not None
    declare(admin, aware(), stepUp={"minutes": 15, "factors": ["totp"]})
    web.open(PAGE)
    page = web.press("Give it now")
    assert (page.status, "Use a passkey" in page.text) == (403, False)


@pytest.fixture
def ann(app, oidc_world):
    """Ann, signed in by her identity provider, which orders takes for a fresh proof."""
    oidc_world.add(createUsers=True)
    web = WebPerson(app)
    page = web.open("/sign-in")
    page = web.press("Sign in with corp")
    page = back(web, oidc_world)
    assert page.path == "/databases"
    declare(oidc_world.admin, aware(), allow={"users": ["ann"]}, stepUp={"factors": ["oidc"]})
    return web


def back(web, world, **claims):
    """Log in at the provider, and come back."""
    brought = world.provider.visit(web.page.links["Go on"])
    world.provider.claims = claims
    return web.open(f"/sign-in/back?{urlencode(brought)}")


def test_a_fresh_login_at_the_provider_counts(ann, oidc_world):
    ann.open(PAGE)
    page = ann.press("Give it now")
    assert "max_age=0" in page.links["Go on"]
    page = back(ann, oidc_world, auth_time=int(oidc_world.api.clock.now().timestamp()))
    assert (page.path, "Your proof counts now." in page.text) == (PAGE, True)
    (event,) = [each for each in oidc_world.api.events() if each["action"] == "step_up.prove"]
    assert event["details"]["factor"] == "oidc"
    assert ann.open("/sign-in/back?code=x&state=y").status == 403


def test_a_login_at_the_provider_that_is_not_fresh_does_not(ann, oidc_world):
    ann.open(PAGE)
    ann.press("Give it now")
    page = back(ann, oidc_world, auth_time=1)
    assert (page.status, "did not log you in anew" in page.text) == (403, True)
    assert "Give it now" in str(page.forms)


def test_who_was_signed_out_meanwhile_proves_nothing(ann, oidc_world):
    ann.open(PAGE)
    page = ann.press("Give it now")
    url = page.links["Go on"]
    del ann.client.cookies[SESSION]
    brought = oidc_world.provider.visit(url)
    page = ann.open(f"/sign-in/back?{urlencode(brought)}")
    assert page.path == "/sign-in"
