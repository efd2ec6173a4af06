"""One document on stdout, and failures as objects, as programs get them from real commands."""

import json
import subprocess
import sys

import pytest

from tests.fixtures.ca import environment
from tests.fixtures.ca_process import PASSWORD

pytestmark = pytest.mark.integration


def document(person, *words, stdin=""):
    """Run a command under --output json; it prints exactly one object, and nothing else."""
    done = person.run("--output", "json", *words, stdin=stdin)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_what_changes_something_says_what_it_did(stack):
    site, admin = stack.site, stack.site.admin
    name = site.unique("json")
    added = document(admin, "user", "add", name, "--generate", "--group", "readers")
    assert (added["command"], added["name"], added["groups"]) == ("user add", name, ["readers"])
    assert len(added["password"]) == 24
    assert document(admin, "user", "block", name)["blocked"] is True
    assert document(admin, "group", "remove", "readers", name)["members"] == []
    assert document(admin, "user", "remove", name)["removed"] == [name]
    made = document(admin, "ca", "token", "host", site.unique("host"))
    assert made["token"]
    assert made["messages"][0].startswith("works once")


def test_a_login_and_a_logout(stack):
    person = stack.site.person(logged_in=False)
    where = ("--ca", stack.site.ca.url, "--fingerprint", stack.site.ca.fingerprint)
    done = document(
        person, "login", *where, "--user", person.name, "--password-stdin", stdin=f"{PASSWORD}\n"
    )
    assert (done["user"], done["ca_url"]) == (person.name, stack.site.ca.url)
    assert document(person, "whoami")["user"] == person.name
    assert document(person, "logout")["command"] == "logout"


def test_a_failure_is_an_object(stack):
    done = stack.site.stranger().run("whoami", "-o", "json")
    assert (done.returncode, done.stdout) == (4, "")
    assert json.loads(done.stderr)["error"]["code"] == "login_needed"
    done = stack.site.admin.run("--output", "json", "user", "show", "nobody-of-that-name")
    assert json.loads(done.stderr)["error"]["code"] == "not_found"


def test_a_tunnel_is_told_when_it_is_ready(stack):
    person = stack.person()
    service = stack.service(person)
    opened = document(person, "connect", service, "--detach")
    assert opened["service"] == service
    assert f"port={opened['port']} " in opened["conninfo"]
    assert document(person, "disconnect", service)["disconnected"] == [service]
    command = [sys.executable, "-m", "pgward", "connect", service, "-o", "json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment(person.home)
    ) as process:
        try:
            told = json.JSONDecoder().raw_decode(read_object(process))[0]
        finally:
            process.terminate()
    assert told["service"] == service


def read_object(process) -> str:
    """Read up to the line that ends the object."""
    lines = []
    while not lines or lines[-1] != "}\n":
        lines.append(process.stdout.readline())
        assert lines[-1], "it ended"
    return "".join(lines)
