"""A laptop that sleeps, and a CA that is away now and then: nobody sees an expired certificate.

CA, edge and agent are under libfaketime; this process is not, so people and services are made
before the clock moves. Where PostgreSQL's own TLS is checked, its clock would have to move, too.
"""

import re
import signal
import subprocess
import threading

import psycopg
import pytest

from pgward.system.postgres import find_client
from tests.fixtures.agent_process import AgentProcess, agent
from tests.fixtures.edge_process import eventually, quiet_port
from tests.fixtures.faketime import Faketime
from tests.fixtures.stack import Stack
from tests.fixtures.tunnel_process import client_environment

pytestmark = pytest.mark.integration

HOUR = 3600
EXPIRED = re.compile("expired", re.IGNORECASE)


@pytest.fixture
def clock(tmp_path, monkeypatch):
    """The clock of every process that this test starts from now on."""
    made = Faketime(tmp_path)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def faked(clock):
    """What an agent's environment needs to have that clock."""
    return {
        name: value
        for name, value in clock.environment().items()
        if name.startswith("FAKETIME") or name == "LD_PRELOAD"
    }


@pytest.fixture
def asleep(clock, own_stack):  # noqa: ARG001 - the clock first: the CA and the edge must have it
    return own_stack


class Client:
    """A psql that is on its way."""

    def __init__(self, conninfo: str) -> None:
        self.process = subprocess.Popen(
            [find_client("psql"), "-XAtq", "-d", conninfo, "-c", "select 1"],
            env=client_environment() | {"PGCONNECT_TIMEOUT": "60"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> tuple[str, str]:
        """What it printed, and what went wrong."""
        out, err = self.process.communicate(timeout=60)
        return out.strip(), err


def sleep_and_wake(running: AgentProcess, clock: Faketime, at: int, conninfo: str) -> Client:
    """Stop the agent, let time pass, and wake it with a client at the door."""
    running.send(signal.SIGSTOP)
    clock.move(f"+{at}")
    client = Client(conninfo)
    running.send(signal.SIGCONT)
    return client


@pytest.mark.soak
def test_who_connects_after_a_sleep_gets_through(asleep: Stack, clock, faked):
    """Four hours later: with the CA there, and with one that is away until a client waits."""
    person = asleep.person()
    service = asleep.service(person)
    with agent(person, faked) as running:
        conninfo = person.ok("connect", service, "--port", quiet_port()).strip()
        assert Client(conninfo).answer() == ("1", "")
        used = running.tunnel(service)["certificate_expires_at"]
        with psycopg.connect(conninfo) as session:
            assert sleep_and_wake(running, clock, 4 * HOUR, conninfo).answer() == ("1", "")
            assert running.tunnel(service)["certificate_expires_at"] > used
            session.execute("select 1")  # what ran before goes on
        asleep.site.ca.kill()
        client = sleep_and_wake(running, clock, 8 * HOUR, conninfo)
        running.says("the certificate is not renewed yet: the CA at")
        asleep.site.restart()
        assert client.answer() == ("1", "")
        assert not EXPIRED.search(running.messages())


@pytest.mark.soak
def test_a_day_with_outages_and_sleep(asleep: Stack, clock, faked):
    """24 hours in steps of 5 minutes; the CA away for one step of each hour, asleep for nine hours.

    Each step a client comes. It gets through, or, when it wakes the agent while the CA is away,
    hears of that; never that a certificate has expired.
    """
    settings = asleep.site.ca.directory / "pgward.toml"
    text = settings.read_text()
    assert "session_hours = 12" in text
    settings.write_text(text.replace("session_hours = 12", "session_hours = 48"))
    asleep.site.ca.stop()
    asleep.site.restart()
    person = asleep.person()
    service = asleep.service(person)
    refused: list[str] = []
    with agent(person, faked) as running:
        conninfo = person.ok("connect", service, "--port", quiet_port()).strip()
        serials = set()
        for step in range(1, 24 * 12 + 1):
            hour, minute = divmod(step * 5, 60)
            if minute == 25:
                asleep.site.ca.kill()
            if hour in (3, 4, 5, 12, 13, 14, 18, 19, 20):  # asleep
                if minute == 30:
                    asleep.site.restart()
                continue
            if minute == 0 and hour in (6, 15, 21):
                client = sleep_and_wake(running, clock, step * 300, conninfo)
            else:
                clock.move(f"+{step * 300}")
                client = Client(conninfo)
            out, err = client.answer()
            if minute == 30:
                asleep.site.restart()
            if out != "1":
                refused.append(f"{hour:02}:{minute:02} {err}")
            serials.add(running.tunnel(service)["certificate_expires_at"])
        assert refused == []
        assert len(serials) >= 15  # as many hours awake, each certificate for one
        assert not EXPIRED.search(running.messages())


@pytest.mark.soak
def test_who_wakes_while_the_ca_is_away_hears_of_that(asleep: Stack, clock, faked):
    """And gets through as soon as it is back, without having done anything."""
    person = asleep.person()
    service = asleep.service(person)
    with agent(person, faked) as running:
        conninfo = person.ok("connect", service, "--port", quiet_port()).strip()
        asleep.site.ca.kill()
        out, err = sleep_and_wake(running, clock, 3 * HOUR, conninfo).answer()
        assert out == ""
        assert "the certificate has to be renewed, and the CA at" in err
        assert not EXPIRED.search(err)
        threading.Thread(target=asleep.site.restart).start()
        eventually(lambda: Client(conninfo).answer() == ("1", ""), 60)
