"""Everybody's devices in a browser."""

import pytest

from tests.fixtures.ca_service import PASSWORD, Device

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def ann(api):
    api.add("ann", "dba")
    return api.device("ann")


@pytest.fixture
def root(web, api, ann):  # noqa: ARG001 - they run
    return web.sign_in("root")


def wait(api, admin):
    """Have a device of ann's wait; return its code."""
    rule = {"appliesTo": {"groups": ["dba"]}, "devices": "approval"}
    body = {"kind": "LoginRule", "metadata": {"name": "r"}, "spec": rule}
    assert admin.call("PUT", "/v1/resources/LoginRule/r", body).status_code in {200, 201}
    given = {"method": "password", "user": "ann", "password": PASSWORD}
    asked = Device(api).call("POST", "/v1/login", {**given, "device": {"name": EVIL}})
    return asked.json()["ask"]["facts"]["code"]


def states(ann):
    return sorted(each["state"] for each in ann.call("GET", "/v1/me/devices").json()["devices"])


@pytest.mark.parametrize(
    ("button", "expected"),
    [("Approve", ["approved", "approved"]), ("Refuse", ["approved", "revoked"])],
)
def test_a_device_that_waits_is_let_in_or_not(  # noqa: PLR0917 - pytest passes by name
    root, api, admin, ann, button, expected
):
    assert "None. Where a rule wants" in root.open("/admin/devices").text
    code = wait(api, admin)
    page = root.open("/admin/devices")
    assert code in page.text
    assert EVIL not in page.answer.text
    page = root.press(button)
    assert (page.path, page.status) == ("/admin/devices", 200)
    assert states(ann) == expected


def test_devices_are_searched(root, api, admin):
    wait(api, admin)
    assert "Firefox on Linux" in root.open("/admin/devices?text=root").text
    assert "No such device" in root.open("/admin/devices?text=zzz").text
    assert "waits" in root.open("/admin/devices?state=waiting").text
    assert "No such device" in root.open("/admin/devices?state=revoked").text
    for query in ("state=x", f"after={'x' * 201}", "text=%00"):
        assert root.open(f"/admin/devices?{query}").status in {404, 422}, query


def test_a_device_is_revoked_by_its_owner_and_id(root, ann):
    device = ann.call("GET", "/v1/me/devices").json()["devices"][0]["id"]
    token = root.open("/me").forms[0].fields["csrf"]

    def send(**fields):
        return root.send(f"/admin/devices/{device}", {"csrf": token, **fields}).status

    assert send(act="revoke", user="root") == 404
    assert send(act="revoke", user="nobody") == 404
    assert send(act="approve", user="ann") == 404
    assert send(act="burn", user="ann") == 422
    assert send(act="revoke") == 422
    assert states(ann) == ["approved"]
    assert send(act="revoke", user="ann") == 200
    assert ann.call("GET", "/v1/me").status_code in {401, 403}
