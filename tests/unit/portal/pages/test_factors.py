"""Second factors, set up and changed in a browser."""

import re

from pgward.ca.login.passkeys import credentials
from pgward.ca.login.passkeys.credentials import NewPasskey
from tests.fixtures.ca_service import PASSWORD
from tests.fixtures.factors import App
from tests.unit.ca.service.routes.test_mfa import add_app


def scanned(page, clock):
    """Return an app that has scanned what a page shows."""
    form = next(each for each in page.forms if "Set it up" in each.buttons)
    return App(clock).scan(form.fields)


def test_an_app_is_set_up_and_its_codes_are_shown_once(web, api, clock):
    api.add("alice")
    web.sign_in("alice").open("/me")
    page = web.press("Set up an app")
    assert "<svg" in page.answer.text
    app = scanned(page, clock)
    page = web.press("Set it up", code="000000")
    assert page.status == 403
    assert scanned(page, clock).secret == app.secret
    code = app.code()
    page = web.press("Set it up", code=f"{code[:3]} {code[3:]}")
    assert page.status == 200, page.text
    assert len(re.findall(r"<pre[^>]*>([^<]*)<", page.answer.text)[0].split("\n")) == 10
    assert page.answer.headers["cache-control"] == "no-store"
    page = web.open("/me")
    assert "10 left." in page.text
    assert "Set up 2026-11-21" in page.text


def test_changes_need_a_code_of_the_app_that_is_there(web, api, clock):
    api.add("alice")
    app, codes = add_app(api.device("alice"))
    clock.move(minutes=11)
    web.open("/sign-in")
    web.press("Sign in", user="alice", password=PASSWORD)
    web.press("Confirm", code=app.code())
    clock.move(minutes=11)
    web.open("/me")
    assert web.press("Make new codes", proof_code="000000").status == 403
    web.open("/me")
    page = web.press("Make new codes", proof_code=app.code())
    assert "Recovery codes" in page.text
    assert codes[0] not in page.text
    clock.move(seconds=30)
    web.open("/me")
    page = web.press("Remove the app", proof_code=app.code())
    assert "The authenticator app is removed." in page.text
    assert "0 left." in page.text


def test_an_app_is_replaced_with_a_proof(web, api, clock):
    api.add("alice")
    clock.move(seconds=-30)
    app, _ = add_app(api.device("alice"))
    clock.move(seconds=30)
    web.open("/sign-in")
    web.press("Sign in", user="alice", password=PASSWORD)
    web.press("Confirm", code=app.code())
    clock.move(minutes=11)
    web.open("/me")
    new = scanned(web.press("Replace the app"), clock)
    page = web.press("Set it up", code=new.code(), proof_code=app.code())
    assert "your recovery codes go on" in page.text
    assert [each["action"] for each in api.events()][-1] == "mfa.add"


def test_what_comes_back_with_the_form_is_text(web, api):
    api.add("alice")
    web.sign_in("alice").open("/me")
    form = next(each for each in web.press("Set up an app").forms if "Set it up" in each.buttons)
    evil = "<script>alert(1)</script>"
    sent = {**form.fields, "code": evil, "secret": evil, "enrolment": evil, "uri": evil}
    page = web.send("/me/app/confirm", sent)
    assert page.status in {403, 422}
    assert evil not in page.answer.text
    assert web.send("/me/app/confirm", {**sent, "uri": "x" * 5000}).status == 422


def test_a_passkey_is_renamed_and_removed(web, api):
    api.add("alice")
    web.sign_in("alice")
    new = NewPasskey(b"1" * 32, b"key", 0, "aaguid", ("usb",), backed_up=True)
    with api.store.write() as transaction:
        key = credentials.add(transaction, "alice", "<i>my key", new, now=api.clock.now()).id
    page = web.open("/me")
    assert "<i>my key" in page.text
    assert "<i>my key" not in page.answer.text
    sent = {"csrf": page.forms[0].fields["csrf"]}
    page = web.send(f"/me/passkeys/{key}", sent | {"act": "rename", "name": "blue"})
    assert "It is called blue now." in page.text
    page = web.send(f"/me/passkeys/{key}", sent | {"act": "x"})
    assert page.status == 422
    # Signed in with a password only, though there is a factor.
    page = web.send(f"/me/passkeys/{key}", sent | {"act": "remove"})
    assert (page.status, "second factor" in page.text) == (403, True)
    assert web.send("/me/passkeys/x", sent | {"act": "remove"}).status == 404
