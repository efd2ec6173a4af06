"""What people do with their own account in a browser."""

import re

import pytest
import sqlalchemy as sa

from pgward.ca.store.schema import users
from pgward.portal.web.browser import SESSION
from tests.fixtures.ca_service import PASSWORD, Device
from tests.fixtures.edge_services import actions, aware, declare
from tests.fixtures.web_person import WebPerson

EVIL = "<script>alert(1)</script>"


def send(web, path, **fields):
    """Send a form as a page of theirs would."""
    sent = {"csrf": web.open("/me").forms[0].fields["csrf"]}
    return web.send(path, sent | fields)


def mine(person, kind):
    """Return what the API lists."""
    return person.call("GET", f"/v1/me/{kind}").json()[kind]


def test_everything_of_ones_own_is_there(web, alice):
    page = web.sign_in("alice").open("/databases")
    assert page.links["Your account"] == "/me"
    page = web.open("/me")
    assert (page.status, page.path) == (200, "/me")
    assert "Firefox on Linux this one" in page.text
    assert len(mine(alice, "logins")) == 2
    assert "0 left." in page.text
    assert "password, password" not in page.text
    assert "You have no token." in page.text


def test_other_sign_ins_are_ended_and_ones_own_goes_on(web, api, alice):
    web.sign_in("alice")
    login = next(each for each in mine(alice, "logins") if each["current"])
    page = send(web, f"/me/sign-ins/{login['id']}")
    assert "Ended, with all that ran on it." in page.text
    assert alice.call("GET", "/v1/me").status_code == 401
    again = api.device("alice")
    web.open("/me")
    assert "Ended: 1." in web.press("End all others").text
    assert again.call("GET", "/v1/me").status_code == 401
    assert web.open("/me").path == "/me"


def test_ending_the_own_sign_in_signs_out(web, alice):
    web.sign_in("alice")
    own = next(each for each in mine(alice, "logins") if not each["current"])
    assert send(web, f"/me/sign-ins/{own['id']}").path == "/sign-in"


def test_a_device_is_renamed_and_revoked(web, alice):
    web.sign_in("alice")
    device = next(each for each in mine(alice, "devices") if each["current"])
    page = send(web, f"/me/devices/{device['id']}", act="rename", name=f" {EVIL} ")
    assert page.status == 200, page.text
    assert f"It is called {EVIL} now." in page.text
    assert EVIL not in page.answer.text
    assert EVIL in web.open("/me").text
    page = send(web, f"/me/devices/{device['id']}", act="revoke")
    assert "Revoked" in page.text
    assert alice.call("GET", "/v1/me").status_code in {401, 403}


@pytest.mark.parametrize(("act", "name"), [("rename", ""), ("rename", "a\tb"), ("burn", "x")])
def test_what_cannot_be_is_told(web, alice, act, name):
    web.sign_in("alice")
    device = mine(alice, "devices")[0]
    page = send(web, f"/me/devices/{device['id']}", act=act, name=name)
    assert page.status == 422
    assert page.path == f"/me/devices/{device['id']}"
    assert "Your account" in page.text


def test_what_is_anothers_is_nobodys_business(web, api, alice):
    api.add("bob", "dba")
    declare(api.device("root"), aware())
    token = alice.call("POST", "/v1/me/tokens", {"service": "orders"}).json()["id"]
    web.sign_in("bob")
    device, login = mine(alice, "devices")[0]["id"], mine(alice, "logins")[0]["id"]
    for path, fields in (
        (f"/me/devices/{device}", {"act": "revoke"}),
        (f"/me/devices/{device}", {"act": "rename", "name": "x"}),
        (f"/me/sign-ins/{login}", {}),
        (f"/me/tokens/{token}", {}),
        (f"/me/passkeys/{'0' * 64}", {"act": "remove"}),
        ("/me/tokens/%3Cscript%3E", {}),
    ):
        page = send(web, path, **fields)
        assert page.status == 404, path
        assert "<script>" not in page.answer.text
    assert alice.call("GET", "/v1/me").status_code == 200
    assert [each["id"] for each in mine(alice, "tokens")] == [token]


def test_a_token_is_listed_and_revoked(web, api, alice):
    declare(api.device("root"), aware())
    made = alice.call("POST", "/v1/me/tokens", {"service": "orders"}).json()
    page = web.sign_in("alice").open("/me")
    assert made["id"] in page.text
    assert made["secret"] not in page.answer.text
    page = send(web, f"/me/tokens/{made['id']}")
    assert f"The token {made['id']} counts no more." in page.text
    assert mine(alice, "tokens") == []


def wait(admin, api):
    """Have a device of alice's wait for approval; return its code."""
    rule = {"appliesTo": {"everyone": True}, "devices": "approval"}
    body = {"kind": "LoginRule", "metadata": {"name": "r"}, "spec": rule}
    assert admin.call("PUT", "/v1/resources/LoginRule/r", body).status_code in {200, 201}
    answer = Device(api).login("alice").json()
    code: str = answer["ask"]["facts"]["code"]
    return code


def test_a_new_device_is_let_in_by_its_code(web, api, admin, alice):
    web.sign_in("alice")
    code = wait(admin, api)
    web.open("/me")
    page = web.press("Approve the device", code=f" {code.lower()} ")
    assert page.status == 200, page.text
    assert "may be used now." in page.text
    assert {each["state"] for each in mine(alice, "devices")} == {"approved"}
    web.open("/me")
    assert web.press("Approve the device", code="AAAA-2222").status == 404


def test_a_new_device_needs_a_fresh_proof(web, api, admin, alice, clock):
    web.sign_in("alice")
    code = wait(admin, api)
    clock.move(minutes=10)
    code = wait(admin, api)
    form = web.open("/me")
    assert "Your password" in form.text
    page = web.press("Approve the device", code=code, proof_password="wrong")
    assert (page.status, "The password is wrong." in page.text) == (403, True)
    web.open("/me")
    page = web.press("Approve the device", code=code, proof_password=PASSWORD)
    assert "may be used now." in page.text
    assert PASSWORD not in page.answer.text
    assert alice.call("GET", "/v1/me").status_code == 200


def test_a_token_for_a_new_device_is_shown_once(web, api):
    api.add("alice")
    web.sign_in("alice").open("/me")
    page = web.press("Make a device token")
    assert page.status == 200
    assert re.search(r"pgd1\.|pg[a-z]+1\.", page.text)
    assert actions(api, "device.token") == [("alice", "device.token", "ok", "alice")]


def test_a_password_is_changed_and_other_sign_ins_end(web, alice):
    web.sign_in("alice").open("/me")
    new = "another horse battery"
    fields = {"old": PASSWORD, "new": new}
    page = web.press("Change the password", **fields, again="other")
    assert (page.status, "are not the same" in page.text) == (422, True)
    assert new not in page.answer.text
    page = web.press("Change the password", **fields | {"old": "wrong"}, again=new)
    assert (page.status, "The old password is wrong." in page.text) == (403, True)
    page = web.press("Change the password", **fields, again=new)
    assert (page.status, page.path) == (200, "/me")
    assert alice.call("GET", "/v1/me").status_code == 401
    web.press("Sign out")
    web.sign_in("alice", new)


def test_nothing_is_done_by_looking_or_for_other_sites(web, alice):
    web.sign_in("alice")
    form = web.open("/me").forms[0].fields
    login = next(each for each in mine(alice, "logins") if each["current"])
    for path in ("/me/sign-ins/others", f"/me/sign-ins/{login['id']}", "/me/devices/token"):
        assert web.open(path).status == 405
        assert web.send(path, {**form}, Origin="https://evil.example").status == 403
        assert web.send(path, {"csrf": "x"}).status == 403
    assert alice.call("GET", "/v1/me").status_code == 200


def test_nobody_sees_it_unless_signed_in(web, api, app):
    api.add("alice")
    assert web.open("/me").path == "/sign-in"
    web.sign_in("alice")
    other = WebPerson(app)
    other.client.cookies.set(SESSION, web.client.cookies[SESSION])
    assert other.open("/me").status == 403


def test_a_reason_and_a_client_are_text(web, api, admin):
    api.add("alice", "dba")
    rule = {"appliesTo": {"everyone": True}, "reason": "required"}
    body = {"kind": "LoginRule", "metadata": {"name": "r"}, "spec": rule}
    assert admin.call("PUT", "/v1/resources/LoginRule/r", body).status_code in {200, 201}
    web.open("/sign-in")
    web.press("Sign in", user="alice", password=PASSWORD)
    web.press("Go on", reason=EVIL)
    page = web.open("/me")
    assert EVIL in page.text
    assert EVIL not in page.answer.text


def test_who_has_no_password_changes_none(web, api):
    api.add("alice")
    web.sign_in("alice")
    with api.store.write() as transaction:
        transaction.execute(
            sa.update(users).where(users.c.name == "alice").values(password_hash=None)
        )
    assert "Change the password" not in web.open("/me").text
