"""Devices at a real CA, with real files: copied tokens, approval, tokens, revocation."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pgward.pki import keys
from tests.fixtures.ca import Person

pytestmark = pytest.mark.integration


def another_home(person: Person) -> Person:
    return replace(person, home=person.home.with_name(f"{person.home.name}-2"))


def rule(site, group, **spec):
    name = site.unique("rule")
    body = {
        "kind": "LoginRule",
        "metadata": {"name": name},
        "spec": {"appliesTo": {"groups": [group]}, **spec},
    }
    assert site.admin.run("apply", "-f", "-", stdin=json.dumps(body)).returncode == 0


def test_a_stolen_token_is_of_no_use_to_another_device(site):
    person = site.person()
    thief = another_home(person)
    shutil.copytree(person.home, thief.home, symlinks=True)
    (thief.home / "device.key").write_bytes(keys.to_pem(keys.generate(), None))
    done = thief.run("services")
    assert (done.returncode, done.stdout, done.stderr) == (
        3,
        "",
        "pgward: the login belongs to another device\nhint: pgward login\n",
    )
    events = site.api.get("/v1/audit", action="session.stolen", actor=person.name)["events"]
    assert [(each["outcome"], each["actor"]) for each in events] == [("denied", person.name)]
    done = person.run("whoami", "--check")
    assert done.returncode == 0
    assert "note: your login token was used on another device, and refused, once" in done.stderr
    assert "used on another device" in person.log_in_by_command().stderr


def test_a_new_device_comes_in_by_approval_and_goes_by_revocation(site):
    group = site.unique("team")
    person = site.person(group)
    rule(site, group, devices="approval")
    new = another_home(person)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(new.log_in_by_command)
        code = None
        while code is None and not waiting.done():
            code = next((each["code"] for each in person.data("devices") if each["code"]), None)
        assert code is not None, waiting.result().stderr
        assert person.run("devices", "approve", code).returncode == 0
        done = waiting.result()
    assert done.returncode == 0, done.stderr
    assert f"this device is new and waits for approval, code {code}" in done.stderr
    assert len(person.data("logins")) == 2
    (which,) = (each["id"] for each in new.data("devices") if each["current"])
    done = person.run("devices", "revoke", which)
    assert done.stderr == f"revoked the device {which}; 1 certificate revoked\n"
    assert new.run("whoami", "--check").returncode == 4
    done = new.log_in_by_command()
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        3,
        "pgward: this device was revoked",
    )


def test_a_new_device_comes_in_by_a_token(site, tmp_path):
    group = site.unique("team")
    person = site.person(group, logged_in=False)
    rule(site, group, devices="token")
    token = tmp_path / "token"
    token.write_text(site.admin.ok("devices", "token", person.name))
    login = ("login", "--ca", site.ca.url, "--fingerprint", site.ca.fingerprint)
    login += ("--user", person.name, "--password-stdin", "--device-token-file", token)
    stdin = f"{person.password}\n"
    assert person.run(*login, stdin=stdin).returncode == 0
    done = another_home(person).run(*login, stdin=stdin)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        3,
        "pgward: the device token is not valid: unknown, expired or used already",
    )
