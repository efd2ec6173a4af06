import pytest
import sqlalchemy as sa

from pgward.ca.identity import devices
from pgward.ca.store.schema import login_sessions
from tests.fixtures.ca_service import Device


@pytest.fixture
def approval(admin, alice):
    assert alice.token is not None  # her first device came in before the rule
    body = {
        "kind": "LoginRule",
        "metadata": {"name": "r1"},
        "spec": {"appliesTo": {"groups": ["dba"]}, "devices": "approval"},
    }
    assert admin.call("PUT", "/v1/resources/LoginRule/r1", body).status_code == 200


def begin(api, user="alice", **device):
    new = Device(api)
    body = {"user": user, "password": "correct horse battery", "device": device}
    return new, new.call("POST", "/v1/login", body)


def poll(device, reply):
    body = {"flow": reply.json()["flow"], "answer": {"poll": True}}
    answer = device.call("POST", "/v1/login/continue", body)
    device.token = answer.json().get("token")
    return answer


def listed(device, path="/v1/me/devices"):
    return device.call("GET", path).json()["devices"]


def test_a_persons_devices_are_shown(alice):
    (found,) = listed(alice)
    assert (found["state"], found["current"], found["code"], found["approved_by"]) == (
        "approved",
        True,
        None,
        "alice",
    )


@pytest.mark.parametrize("by", ["alice", "root"])
@pytest.mark.usefixtures("approval")
def test_a_new_device_is_approved_from_a_known_one_or_by_an_administrator(api, alice, admin, by):
    laptop, reply = begin(api, name="laptop\x1b[31m")
    code = reply.json()["ask"]["facts"]["code"]
    path = "/v1/me/devices" if by == "alice" else "/v1/users/ALICE/devices"
    asking = alice if by == "alice" else admin
    waiting = next(each for each in listed(asking, path) if each["code"] == code)
    assert (waiting["name"], waiting["state"]) == ("laptop[31m", "pending")
    answer = asking.call("POST", f"{path}/approve", {"device": code})
    assert answer.json()["device"]["approved_by"] == by
    assert poll(laptop, reply).json()["status"] == "done"
    laptop.certificate()
    event = next(each for each in api.events() if each["action"] == "device.approve")
    assert (event["actor"], event["target"], event["details"]["user"]) == (
        by,
        waiting["id"],
        "alice",
    )


@pytest.mark.usefixtures("approval")
def test_nobody_approves_anothers_device(api, alice):
    api.add("bob", "dba")
    reply = begin(api, "bob")[1]
    code = reply.json()["ask"]["facts"]["code"]
    assert alice.call("POST", "/v1/me/devices/approve", {"device": code}).status_code == 404
    path = "/v1/users/bob/devices/approve"
    assert alice.call("POST", path, {"device": code}).status_code == 403


def test_a_revoked_device_is_out_at_once_and_others_are_not(api, alice):
    stolen = api.device("alice")
    serial = stolen.certificate()["serial"]
    (which,) = (each["id"] for each in listed(stolen) if each["current"])
    answer = alice.call("POST", f"/v1/me/devices/{which}/revoke")
    assert (answer.status_code, answer.json()) == (200, {"revoked": 1})
    assert stolen.call("GET", "/v1/me").status_code == 401
    assert stolen.login("alice").status_code == 403
    assert alice.call("GET", "/v1/me").status_code == 200
    event = next(each for each in api.events() if each["action"] == "device.revoke")
    assert (event["target"], event["details"]["sessions"]) == (which, 1)
    assert alice.call("GET", f"/v1/certificates/{serial}").json()["state"] == "revoked"


def test_a_session_that_is_known_gets_nothing_after_its_device_was_revoked(alice, admin):
    alice.certificate()
    alice.certificate()  # from memory
    (device,) = listed(alice)
    admin.call("POST", f"/v1/users/alice/devices/{device['id']}/revoke")
    answer = alice.call("POST", "/v1/certificates/login", {"csr": "x"})
    assert answer.status_code in (401, 422)
    with pytest.raises(AssertionError):
        alice.certificate()


def test_devices_of_another_person_are_not_there(alice, admin):
    (theirs,) = listed(admin)
    assert alice.call("POST", f"/v1/me/devices/{theirs['id']}/revoke").status_code == 404
    assert alice.call("PATCH", f"/v1/me/devices/{theirs['id']}", {"name": "x"}).status_code == 404


def test_a_device_is_renamed(alice, admin):
    (device,) = listed(alice)
    path = f"/v1/me/devices/{device['id']}"
    assert alice.call("PATCH", path, {"name": "Desk"}).json()["device"]["name"] == "Desk"
    assert alice.call("PATCH", path, {"name": "a\x07"}).status_code == 422
    path = f"/v1/users/alice/devices/{device['id']}"
    assert admin.call("PATCH", path, {"name": "Hers"}).json()["device"]["name"] == "Hers"


@pytest.mark.parametrize("by", ["alice", "root"])
@pytest.mark.usefixtures("approval")
def test_a_token_brings_a_device_in(api, alice, admin, by):
    path = "/v1/me/device-tokens" if by == "alice" else "/v1/users/alice/device-tokens"
    asking = alice if by == "alice" else admin
    made = asking.call("POST", path, {"ttl_seconds": 60})
    assert made.status_code == 201
    token = made.json()["token"]
    assert begin(api, token=token)[1].json()["status"] == "done"
    assert token not in str(api.events())


@pytest.mark.usefixtures("alice")
def test_a_removed_person_has_no_devices(admin, store):
    admin.call("DELETE", "/v1/users/alice")
    with store.read() as connection:
        assert devices.of(connection, "alice") == []
    assert admin.call("GET", "/v1/users/alice/devices").status_code == 404


@pytest.mark.usefixtures("approval")
def test_a_blocked_person_approves_nothing_and_waits_in_vain(api, alice, admin):
    laptop, reply = begin(api)
    admin.call("POST", "/v1/users/alice/block", {"reason": "left"})
    code = reply.json()["ask"]["facts"]["code"]
    assert alice.call("POST", "/v1/me/devices/approve", {"device": code}).status_code == 401
    assert poll(laptop, reply).status_code == 403
    assert (
        admin.call("POST", "/v1/users/alice/devices/approve", {"device": code}).status_code == 200
    )
    assert poll(laptop, reply).status_code == 403


@pytest.mark.usefixtures("approval")
def test_a_session_found_open_brings_no_device_in(api, alice, clock):
    clock.move(hours=1)
    reply = begin(api)[1]
    body = {"device": reply.json()["ask"]["facts"]["code"]}
    path = "/v1/me/devices/approve"
    answer = alice.call("POST", path, body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "this needs your password",
    )
    assert alice.call("POST", "/v1/me/device-tokens", {}).status_code == 403
    event = api.events()[-1]
    assert (event["action"], event["outcome"]) == ("device.token", "denied")
    wrong = body | {"proof": {"password": "not the password"}}
    assert alice.call("POST", path, wrong).status_code == 403
    right = body | {"proof": {"password": "correct horse battery"}}
    assert alice.call("POST", path, right).status_code == 200


def test_a_session_from_before_devices_were_kept_ends_with_its_device_too(api, alice):
    with api.store.write() as transaction:
        transaction.execute(sa.update(login_sessions).values(device_id=None))
    again = Device(api, key=alice.key)
    again.login("alice")
    (device,) = listed(again)
    assert again.call("POST", f"/v1/me/devices/{device['id']}/revoke").status_code == 200
    assert alice.call("GET", "/v1/me").status_code == 401


def test_everybodys_devices_are_shown_a_page_at_a_time(api, admin, alice, approval):  # noqa: ARG001
    waiting, _ = begin(api, name="phone")
    everyone = listed(admin, "/v1/devices")
    assert [each["user"] for each in everyone] == ["alice", "alice", "root"]
    pages, after = [], ""
    while after is not None:
        reply = admin.call("GET", "/v1/devices", query=f"?limit=2{after}").json()
        pages.append([each["id"] for each in reply["devices"]])
        after = None if reply["after"] is None else f"&after={reply['after']}"
    assert pages == [[each["id"] for each in everyone[:2]], [everyone[2]["id"]]]
    queries = {"?state=waiting": ["phone"], "?text=PHO": ["phone"], "?text=roo&state=revoked": []}
    for query, names in queries.items():
        found = admin.call("GET", "/v1/devices", query=query).json()
        assert [each["name"] for each in found["devices"]] == names, query
    api.clock.move(minutes=11)
    assert admin.call("GET", "/v1/devices", query="?state=waiting").json()["devices"] == []
    assert waiting.call("GET", "/v1/devices").status_code == 401
    assert alice.call("GET", "/v1/devices").status_code == 403
