"""Renewals at a real CA: by several processes and threads, and after its certificate changed."""

import json
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from pgward.client.machine import Machine
from pgward.client.session import Session
from pgward.core.errors import DeniedError, LoginNeededError
from tests.fixtures.ca import environment

pytestmark = pytest.mark.integration
SOON = timedelta(minutes=10)

RENEW = """
import sys
from datetime import timedelta
from pathlib import Path
from pgward.client.session import Session
session = Session.open(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.readline()
print(session.ensure_certificate(timedelta(minutes=10)), session.state.serial)
session.close()
"""


def make_due(person):
    """Rewrite the session's data, as if most of the certificate's hour had gone by."""
    file = person.home / "identity" / "current" / "session.json"
    now = json.loads(file.read_text())
    file.write_text(json.dumps(now | {"not_after": now["not_before"]}))


def test_a_fresh_certificate_is_left_alone(site):
    person = site.person()
    session = Session.open(person.home)
    assert session.ensure_certificate(SOON) is False
    assert session.ensure_certificate(timedelta(days=1)) is False


def test_a_due_certificate_is_renewed_once(site):
    person = site.person()
    make_due(person)
    session = Session.open(person.home)
    before = session.state.serial
    assert session.ensure_certificate(SOON) is True
    assert session.ensure_certificate(SOON) is False
    assert session.state.serial != before
    session.close()


def test_many_processes_renew_once(site):
    person = site.person()
    make_due(person)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", RENEW, person.home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(person.home),
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout.readline() == "open\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = {child.communicate()[0] for child in children}
    issued = site.api.get("/v1/certificates", user=person.name)["certificates"]
    assert answers == {f"True {issued[0]['serial']}\n"}
    assert len(issued) == 2


def test_a_session_sees_what_another_one_renewed(site):
    person = site.person()
    watching, renewing = Session.open(person.home), Session.open(person.home)
    watching.services()
    renewing._renew()
    renewing._renew()
    assert watching.ensure_certificate(SOON) is True
    assert watching.state == renewing.state
    assert watching.services() == []
    watching.close()
    renewing.close()


def test_a_renewal_while_another_thread_waits_for_a_snapshot(site, tmp_path):
    token = site.admin.ok("ca", "token", "edge", site.unique("edge"))
    machine = Machine.enroll(tmp_path / "edge", token, advertise="e.test:1")
    version = 2**60
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(machine.snapshot(version, 2)))
    waiting.start()
    before = machine.leaf.serial_number
    machine.renew()
    waiting.join()
    assert answers == [None]
    assert machine.leaf.serial_number != before
    assert machine.snapshot(0, 0) is not None
    machine.close()


def test_a_machine_renews_only_when_it_is_due(site, tmp_path):
    token = site.admin.ok("ca", "token", "host", site.unique("host"), "--dns", "db1.internal")
    machine = Machine.enroll(tmp_path / "host", token, advertise=None)
    assert machine.ensure_certificate(timedelta(days=1)) is False
    assert machine.ensure_certificate(timedelta(days=900)) is False
    assert sorted(machine.crls()) == ["server-issuing", "server-root", "user-issuing", "user-root"]
    assert all(len(roots) == 1 for roots in machine.trust().values())
    with pytest.raises(DeniedError, match="only an edge may do this"):
        machine.snapshot(0, 0)
    machine.close()


def test_a_join_token_works_once(site, tmp_path):
    token = site.admin.ok("ca", "token", "edge", site.unique("edge"))
    Machine.enroll(tmp_path / "one", token, advertise="e.test:1").close()
    with pytest.raises(DeniedError, match="unknown, expired or used already"):
        Machine.enroll(tmp_path / "two", token, advertise="e.test:1")


def test_a_session_that_was_ended_elsewhere_cannot_renew(site):
    person = site.person()
    make_due(person)
    session = Session.open(person.home)
    site.api.post(f"/v1/users/{person.name}/block", {"reason": ""})
    with pytest.raises(LoginNeededError, match="your login session has ended"):
        session.ensure_certificate(SOON)
    session.close()


def test_a_restarted_ca_renews_with_its_new_certificate(own_site):
    person = own_site.person()
    make_due(person)
    session = Session.open(person.home)
    session.services()
    own_site.ca.kill()
    own_site.restart()
    assert session.ensure_certificate(SOON) is True
    session.close()
