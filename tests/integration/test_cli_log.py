"""The log at a real CA: what people see, and what an auditor finds in its directory."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.fixtures.ca_process import pgward

pytestmark = pytest.mark.integration


def test_a_person_sees_every_certificate_and_follows_the_log(site):
    person = site.person()
    (first,) = person.data("certificates")
    assert (first["log"], first["subject"], first["client"]) == ("logged", person.name, "127.0.0.1")
    assert person.ok("ca", "log", "monitor", "--once") == ""
    assert person.log_in_by_command().returncode == 0
    second, _ = person.data("certificates")  # a head is signed over it
    told = json.loads(person.ok("ca", "log", "monitor", "--once", "-o", "json"))
    assert (told["serial"], told["event"]) == (second["serial"], "issued")
    shown = person.data("ca", "log", "prove", first["serial"])
    assert (shown["log_index"], shown["subject"]) == (first["log_index"], person.name)
    assert person.data("ca", "log", "verify")["certificates"] == 2
    assert person.data("ca", "show", first["serial"])["asked_by"] == person.name
    assert person.run("ca", "show", "ff").returncode == 1
    assert person.run("ca", "list").returncode == 3


@pytest.mark.soak
def test_an_administrator_follows_everything(site):
    admin, person = site.admin, site.person()
    person.data("certificates")  # a head is signed over it
    every = admin.ok("ca", "log", "monitor", "--once", "--from-start", "-o", "json")
    found = [json.loads(line) for line in every.splitlines()]
    assert [each["log_index"] for each in found] == list(range(len(found)))
    kinds = [each["kind"] for each in found if each["event"] == "issued"]
    assert kinds[:5] == ["ca"] * 4 + ["api"]
    (serial,) = [each["serial"] for each in found if each.get("subject") == person.name]
    admin.ok("ca", "revoke", serial, "--reason", "superseded")
    later = admin.ok("ca", "log", "monitor", "--once", "-o", "json")
    events = [] if not later else [json.loads(line)["event"] for line in later.splitlines()]
    assert events in ([], ["revoked"])  # the head may not be signed again yet
    (revoked,) = admin.data("ca", "list", "--user", person.name, "--state", "revoked")
    assert revoked["serial"] == serial


def test_the_store_is_as_its_log_says_after_a_kill_and_not_after_a_change(own_site):
    person, directory = own_site.person(), own_site.ca.directory
    (row,) = person.data("certificates")
    own_site.ca.kill()
    done = pgward("ca", "log", "verify", directory, "-o", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["problems"], report["leaves"] >= 7) == ([], True)
    with closing(sqlite3.connect(directory / "ca.db")) as connection, connection:
        changed = "UPDATE certificates SET subject = 'mallory' WHERE serial = ?"
        connection.execute(changed, [row["serial"]])
    done = pgward("ca", "log", "verify", directory)
    assert done.returncode == 1
    expected = f"certificates {row['serial']}: subject was altered to mallory: "
    assert expected + f"the certificate is for {person.name}" in done.stdout


@pytest.mark.soak
def test_a_ca_that_is_put_back_to_an_older_copy_is_noticed(own_site):
    person, directory = own_site.person(), own_site.ca.directory
    own_site.ca.stop()
    copy = (directory / "ca.db").read_bytes()
    own_site.restart()
    assert person.log_in_by_command().returncode == 0
    person.ok("ca", "log", "verify")
    own_site.ca.stop()
    (directory / "ca.db").write_bytes(copy)
    with pytest.raises(RuntimeError, match="the store lacks entries of the log"):
        own_site.restart()
    accepted = pgward("ca", "log", "accept", directory)
    assert accepted.returncode == 0, accepted.stderr
    own_site.restart()
    done = person.run("ca", "log", "head")
    assert done.returncode == 1
    assert "the CA's log contradicts what it said before" in done.stderr
    (evidence,) = person.home.glob("log-evidence-*.json")
    assert {"before", "after", "public_key"} <= set(json.loads(evidence.read_text()))
    done = pgward("ca", "log", "verify", directory, "--head", person.home / evidence.name)
    assert done.returncode == 1
    assert "the log was cut" in done.stdout
