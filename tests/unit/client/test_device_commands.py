from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.clock import rfc3339
from pgward.system import terminal
from tests.fixtures.commands import body

BEFORE = rfc3339(datetime.now(UTC) - timedelta(days=3, hours=1))
POSTURE = {
    "os": "linux",
    "os_name": "Debian GNU/Linux 12",
    "os_version": "12",
    "firewall": {"value": True, "how": "x"},
    "disk_encrypted": {"value": False, "how": "x"},
    "updates_age_days": {"value": 1, "how": "x"},
}


def device(**changed):
    return {
        "id": "d1",
        "user": "alice",
        "name": "laptop",
        "state": "approved",
        "current": True,
        "code": None,
        "created_at": BEFORE,
        "created_client": "10.0.0.1",
        "approved_at": BEFORE,
        "approved_by": "root",
        "revoked_at": None,
        "last_seen_at": BEFORE,
        "last_client": "10.0.0.2",
        "posture": POSTURE,
        "posture_at": BEFORE,
    } | changed


@pytest.fixture
def mine(fake_ca):
    new = {"id": "d2", "name": "phone\x1b[2J", "state": "pending", "current": False}
    found = {"devices": [device(), device(**new, code="ABCD-2345")]}
    fake_ca.routes["GET /v1/me/devices"] = found
    fake_ca.routes["GET /v1/users/bob/devices"] = {"devices": []}
    return fake_ca


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize("arguments", [["devices"], ["devices", "list"]])
def test_devices_are_listed_with_the_codes_of_those_that_wait(logged_in, arguments):
    lines = logged_in(*arguments).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["ID", "NAME", "STATE", "LAST", "SEEN", "FROM", "CODE"],
        [
            "d1",
            "laptop",
            "(this",
            "one)",
            "approved",
            "3",
            "days",
            "1",
            "hour",
            "ago",
            "10.0.0.2",
            "-",
        ],
        [
            "d2",
            "phone\\x1b[2J",
            "pending",
            "3",
            "days",
            "1",
            "hour",
            "ago",
            "10.0.0.2",
            "ABCD-2345",
        ],
    ]


@pytest.mark.usefixtures("mine")
def test_anothers_devices_are_an_administrators(logged_in):
    assert "there is no device" in logged_in("devices", "list", "--user", "bob").stderr


@pytest.mark.usefixtures("mine")
def test_a_device_is_shown_with_what_it_says_of_itself(logged_in):
    shown = logged_in("devices", "show", "d1").stdout
    for text in ("says of itself", "firewall: yes", "disk encrypted: no", "screen lock: unknown"):
        assert text in shown
    assert "days since updates: 1" in shown
    assert logged_in("devices", "show", "d9").stderr.startswith("pgward: there is no device 'd9'\n")


def test_a_device_is_approved_by_its_code(logged_in, fake_ca):
    fake_ca.routes["POST /v1/me/devices/approve"] = {"device": device()}
    fake_ca.routes["POST /v1/users/alice/devices/approve"] = {"device": device()}
    fake_ca.routes["GET /v1/me/mfa"] = {"proof": "nothing"}
    for more in ((), ("--user", "alice")):
        result = logged_in("devices", "approve", "ABCD-2345", *more)
        assert result.stderr == "approved laptop (d1) of alice\n"
        assert body(fake_ca) == {"device": "ABCD-2345"}


def test_a_fresh_proof_is_asked_for(logged_in, fake_ca, monkeypatch):
    fake_ca.routes["GET /v1/me/mfa"] = {"proof": "code"}
    fake_ca.routes["POST /v1/me/devices/approve"] = {"device": device()}
    monkeypatch.setattr(terminal, "ask", lambda _label: "123456")
    assert logged_in("devices", "approve", "ABCD-2345").exit_code == 0
    assert body(fake_ca)["proof"] == {"factor": "totp", "code": "123456"}


def test_devices_are_revoked(logged_in, fake_ca):
    fake_ca.routes["POST /v1/me/devices/d1/revoke"] = {"revoked": 1}
    fake_ca.routes["POST /v1/me/devices/d2/revoke"] = {"revoked": 0}
    assert logged_in("devices", "revoke", "d1", "d2").stderr == (
        "revoked the device d1; 1 certificate revoked\n"
        "revoked the device d2; 0 certificates revoked\n"
    )


def test_a_device_is_renamed(logged_in, fake_ca):
    fake_ca.routes["PATCH /v1/me/devices/d1"] = {"device": device(name="Desk")}
    assert logged_in("devices", "rename", "d1", "Desk").stderr == "the device d1 is called Desk\n"
    assert body(fake_ca) == {"name": "Desk"}


def test_a_token_is_printed_alone(logged_in, fake_ca):
    reply = {"token": "pgd1.secret", "expires_at": BEFORE}
    fake_ca.routes["GET /v1/me/mfa"] = {"proof": "nothing"}
    fake_ca.routes["POST /v1/me/device-tokens"] = reply
    fake_ca.routes["POST /v1/users/bob/device-tokens"] = reply
    assert logged_in("devices", "token").stdout == "pgd1.secret\n"
    result = logged_in("devices", "token", "bob", "--ttl-hours", "2")
    assert result.stderr == f"good for one device, until {BEFORE}\n"
    assert body(fake_ca) == {"ttl_seconds": 7200}
