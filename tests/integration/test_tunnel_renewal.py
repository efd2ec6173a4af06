"""Certificates that end soon: the tunnel renews them while sessions run."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from pgward.client.home import Home
from pgward.client.session import SESSION_FILE, Session
from tests.fixtures.edge_process import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def short_stack(own_stack):
    """A stack whose CA issues login certificates for one minute."""
    settings = own_stack.site.ca.directory / "pgward.toml"
    text = settings.read_text()
    assert "certificate_minutes = 60" in text
    settings.write_text(text.replace("certificate_minutes = 60", "certificate_minutes = 1"))
    own_stack.site.ca.stop()
    own_stack.site.restart()
    return own_stack


def serial(person) -> str:
    return Session.open(person.home).state.serial


@pytest.mark.soak
def test_a_session_outlives_its_certificate(short_stack):
    """The tunnel looks every 15 seconds; a session goes on, and the next one uses the new one."""
    person = short_stack.person()
    with short_stack.tunnel(person) as tunnel, tunnel.connect() as session:
        session.execute("select 1")
        used = serial(person)
        eventually(lambda: serial(person) != used, 40)
        used = serial(person)
        eventually(lambda: serial(person) != used, 40)
        assert session.execute("select 2").fetchone() == (2,)
        assert tunnel.psql("select 3") == "3"
        sessions = eventually(
            lambda: two(short_stack.audit(actor=person.name, action="session.open"))
        )
        assert sessions[0]["details"]["serial"] != sessions[-1]["details"]["serial"]
        short_stack.site.ca.kill()
        assert tunnel.psql("select 4") == "4"


def two(events: list) -> list | None:
    return events if len(events) >= 2 else None


def end_session(person, end: datetime) -> None:
    """Let the login session end then, as far as this machine knows."""
    path = Home(person.home).paths.cert.parent / SESSION_FILE
    fields = json.loads(path.read_text())
    fields["session_expires_at"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    path.write_text(json.dumps(fields))


@pytest.mark.parametrize("command", ["connect", "psql"])
def test_a_login_session_that_is_over(stack, command):
    person = stack.person()
    service = stack.service(person)
    end_session(person, datetime.now(UTC) - timedelta(hours=2))
    done = person.run(command, service)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "pgward: your login session ended 2 hours ago\nhint: pgward login\n"


def test_a_logged_out_person(stack):
    person = stack.person()
    service = stack.service(person)
    person.ok("logout")
    done = person.run("connect", service)
    assert done.returncode == 4
    assert "hint: pgward login" in done.stderr


def test_detach_hands_on_that_a_login_is_needed(stack):
    person = stack.person()
    service = stack.service(person)
    end_session(person, datetime.now(UTC) - timedelta(days=1))
    assert person.run("connect", service, "--detach").returncode == 4
