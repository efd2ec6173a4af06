"""Passkeys that a browser makes on the account's page."""

import pytest

from tests.fixtures.edge_services import actions
from tests.fixtures.soft_authenticator import SoftAuthenticator
from tests.fixtures.web_passkeys import made, make, used
from tests.fixtures.web_person import WebPerson

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def alice(web, api):
    api.add("alice", "dba")
    return web.sign_in("alice")


def test_a_passkey_is_made_and_then_signs_in(alice, app, api):
    authenticator = make(alice, EVIL)
    assert f"The passkey {EVIL} is yours now." in alice.page.text
    assert EVIL not in alice.page.answer.text
    assert actions(api, "passkey.add") == [("alice", "passkey.add", "ok", EVIL)]
    web = WebPerson(app)
    web.open("/sign-in")
    web.press("Sign in with a passkey")
    page = web.press("Use a passkey", **used(web, authenticator))
    assert page.path == "/databases"


def test_left_without_a_name_it_is_called_after_the_browser(alice):
    make(alice, "")
    assert "The passkey Firefox on Linux is yours now." in alice.page.text


def test_an_old_sign_in_adds_none(alice, api):
    sent = {"csrf": alice.open("/me").forms[0].fields["csrf"], "name": "x"}
    api.clock.move(minutes=11)
    page = alice.open("/me")
    assert not any("Add a passkey" in each.buttons for each in page.forms)
    assert page.links["sign in once more"] == "/sign-in?next=/me"
    page = alice.send("/me/passkeys", sent)
    assert (page.status, "Sign in once more." in page.text) == (403, True)


def test_another_sign_in_cannot_finish_it(alice, app, api):
    alice.open("/me")
    alice.press("Add a passkey", name="x")
    brought = made(alice, SoftAuthenticator())
    fields = next(each for each in alice.page.forms if "voucher" in each.fields).fields
    other = WebPerson(app).sign_in("alice")
    csrf = other.open("/me").forms[0].fields["csrf"]
    page = other.send("/me/passkeys/made", {**fields, **brought, "csrf": csrf})
    assert page.status == 403
    assert "passkey.add" not in [each["action"] for each in api.events() if each["outcome"] == "ok"]


def test_nonsense_is_refused(alice):
    csrf = alice.open("/me").forms[0].fields["csrf"]
    for path, fields, status in (
        ("/me/passkeys/made", {"flow": "x", "voucher": "x", "state": "x"}, 403),
        ("/me/passkeys/made", {}, 422),
        ("/me/passkeys", {"name": "x" * 501}, 422),
    ):
        assert alice.send(path, {"csrf": csrf, **fields}).status == status, (path, fields)
