"""By what somebody signs in, as administrators see and end it."""

import pytest

from tests.fixtures.ca_service import Device
from tests.fixtures.edge_services import actions, aware, declare

EVIL = "<script>alert(1)</script>"
ANN = "/admin/people/ann"


@pytest.fixture
def ann(api):
    api.add("ann", "dba")
    return api.device("ann")


@pytest.fixture
def root(web, api, ann):  # noqa: ARG001 - they run
    return web.sign_in("root")


def send(web, path, **fields):
    return web.send(path, {"csrf": web.open(ANN).forms[0].fields["csrf"]} | fields)


def listed(device, kind):
    return device.call("GET", f"/v1/me/{kind}").json()[kind]


def test_a_sign_in_is_ended(root, ann):
    page = root.open(f"{ANN}/sign-in")
    assert "password" in page.text
    page = root.press("End")
    assert (page.path, "Ended" in page.text) == (f"{ANN}/sign-in", True)
    assert ann.call("GET", "/v1/me").status_code == 401
    assert "Nowhere." in page.text


def test_a_device_is_renamed_and_revoked(root, ann):
    (device,) = listed(ann, "devices")
    path = f"{ANN}/devices/{device['id']}"
    page = send(root, path, act="rename", name=f" {EVIL} ")
    assert f"It is called {EVIL} now." in page.text
    assert EVIL not in page.answer.text
    page = send(root, path, act="revoke")
    assert "is not let in any more" in page.text
    assert ann.call("GET", "/v1/me").status_code in {401, 403}


def test_a_device_that_waits_is_let_in(root, api, admin, ann):
    rule = {"appliesTo": {"groups": ["dba"]}, "devices": "approval"}
    body = {"kind": "LoginRule", "metadata": {"name": "r"}, "spec": rule}
    assert admin.call("PUT", "/v1/resources/LoginRule/r", body).status_code in {200, 201}
    code = Device(api).login("ann").json()["ask"]["facts"]["code"]
    assert code in root.open(f"{ANN}/sign-in").text
    assert "may be used now." in root.press("Approve").text
    assert {each["state"] for each in listed(ann, "devices")} == {"approved"}


def test_a_token_for_a_device_is_shown_once(root, api):
    root.open(f"{ANN}/sign-in")
    page = root.press("Make a device token", hours="2")
    assert "pgd1." in page.text
    assert actions(api, "device.token") == [("root", "device.token", "ok", "ann")]
    assert send(root, f"{ANN}/device-token", hours="0").status == 422


def test_a_token_is_revoked(root, admin, ann):
    declare(admin, aware())
    made = ann.call("POST", "/v1/me/tokens", {"service": "orders"}).json()
    page = root.open(f"{ANN}/sign-in")
    assert made["id"] in page.text
    assert made["secret"] not in page.answer.text
    page = send(root, f"{ANN}/tokens/{made['id']}", act="revoke")
    assert f"The token {made['id']} counts no more." in page.text
    assert listed(ann, "tokens") == []


def test_what_is_not_this_persons_is_not_found(root, api, ann):
    api.add("bob")
    bob = api.device("bob")
    device, login = listed(bob, "devices")[0]["id"], listed(bob, "logins")[0]["id"]
    for path, act in (
        (f"devices/{device}", "revoke"),
        (f"devices/{device}", "approve"),
        (f"sign-ins/{login}", "end"),
        (f"passkeys/{'0' * 64}", "remove"),
        ("passkeys/x", "remove"),
        ("tokens/%3Cscript%3E", "revoke"),
    ):
        page = send(root, f"{ANN}/{path}", act=act, name="")
        assert page.status == 404, path
        assert "<script>" not in page.answer.text
    for path, act in ((f"devices/{device}", "burn"), ("things/x", "end"), ("sign-ins/x", "revoke")):
        assert send(root, f"{ANN}/{path}", act=act).status == 422, path
    assert bob.call("GET", "/v1/me").status_code == 200
    assert ann.call("GET", "/v1/me").status_code == 200
    assert root.open("/admin/people/nobody/sign-in").status == 404
