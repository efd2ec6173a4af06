"""A fresh second factor for a service: real CA, edge, tunnel and PostgreSQL."""

import re
import signal
import threading
import time
from base64 import b32decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count

import psycopg
import pytest

from pgward.ca.identity import totp
from pgward.client.home import Home
from pgward.client.session import Session
from tests.fixtures.agent_process import agent
from tests.fixtures.ca import Person
from tests.fixtures.edge_process import eventually
from tests.fixtures.oidc_provider import CLIENT
from tests.fixtures.pseudo_terminal import on_a_terminal, read_until
from tests.fixtures.tunnel_process import run_client

pytestmark = pytest.mark.integration

MESSAGE = "asks for a fresh second factor"
# From one moment three codes in a row count, each once; the first sets the app up.
_EARLIEST = -1


@dataclass
class Owner:
    """Somebody with an authenticator app."""

    person: Person
    secret: bytes
    steps: count = field(default_factory=lambda: count(_EARLIEST + 1))

    @classmethod
    def of(cls, person: Person) -> "Owner":
        with closing(Session.open(person.home)) as session:
            api = session.api()
            offered = api.post("/v1/me/mfa/totp")
            found = re.search(r"secret=([A-Z2-7]+)", offered["uri"])
            made = cls(person, b32decode(found[1]))
            body = {"enrolment": offered["enrolment"], "code": made.code(_EARLIEST)}
            api.post("/v1/me/mfa/totp/confirm", body)
        return made

    def code(self, step: int) -> str:
        return totp.code_of(self.secret, totp.step_at(time.time()) + step)

    def step_up(self, service: str) -> None:
        code = self.code(next(self.steps))
        done = self.person.run("step-up", service, "--code-stdin", stdin=f"{code}\n")
        assert done.returncode == 0, done.stderr


def straight(stack, person, service):
    """Run a query straight through the edge, without a tunnel; return what psql said."""
    paths = Home(person.home).paths
    info = {
        "host": f"{service}.edge.test",
        "hostaddr": "127.0.0.1",
        "port": stack.edge.port,
        "user": person.name,
        "dbname": "app",
        "sslmode": "verify-full",
        "sslcert": paths.cert,
        "sslkey": paths.key,
        "sslrootcert": paths.ca,
    }
    text = psycopg.conninfo.make_conninfo(**{key: str(value) for key, value in info.items()})
    done = run_client("psql", "-XAtq", "-d", text, "-c", "select 'served'")
    return done.stdout.strip() or done.stderr


def test_eight_connections_at_once_are_one_question(stack):
    owner = Owner.of(stack.person())
    person = owner.person
    service = stack.service(person, stepUp={"minutes": 1})
    with stack.tunnel(person, service) as tunnel, ThreadPoolExecutor(8) as threads:
        opening = [threads.submit(tunnel.connect) for _ in range(8)]
        eventually(lambda: MESSAGE in tunnel.messages())
        assert not any(each.done() for each in opening)
        owner.step_up(service)
        sessions = [each.result(20) for each in opening]
        assert [each.execute("select 1").fetchone() for each in sessions] == [(1,)] * 8
        assert tunnel.messages().count(MESSAGE) == 1
        assert "given, ends in" in person.ok("services")
        for each in sessions:
            each.close()
    kept = stack.audit(action="step_up.prove", actor=person.name)
    assert [(e["outcome"], e["target"], e["details"]["factor"]) for e in kept] == [
        ("ok", service, "totp")
    ]


def test_a_proof_is_for_one_service_and_goes_with_its_login_session(stack):
    person = stack.person()
    other = Person(stack.site, person.name, stack.site.directory / f"{person.home.name}-2")
    other.login().close()  # before there is a second factor
    owner = Owner.of(person)
    mine, another = (stack.service(person, stepUp={"minutes": 1}) for _ in range(2))
    refusal = f"pgward: {mine} {MESSAGE}\nHINT:  pgward step-up {mine}"
    assert refusal in straight(stack, person, mine)
    owner.step_up(mine)
    eventually(lambda: straight(stack, person, mine) == "served", 1)
    assert straight(stack, other, mine) == "served"
    assert f"{another} {MESSAGE}" in straight(stack, person, another)
    person.ok("logout")
    began = time.monotonic()
    eventually(lambda: MESSAGE in straight(stack, other, mine), 1)
    assert time.monotonic() - began < 1


@pytest.mark.soak
def test_an_edge_that_is_cut_off_keeps_to_what_it_knows_until_the_time_is_over(own_stack):
    stack = own_stack
    owner = Owner.of(stack.person())
    person = owner.person
    lasting = stack.service(person, stepUp={"minutes": 1})
    ending = stack.service(person, stepUp={"minutes": 1, "endSessions": True})
    with stack.tunnel(person, lasting) as first, stack.tunnel(person, ending) as second:
        for service in (lasting, ending):
            owner.step_up(service)
        began = time.monotonic()
        stack.site.ca.kill()
        assert first.psql("select 1") == "1"
        stack.edge.kill()
        stack.edge.restart()  # from what it has on disk
        assert first.psql("select 1") == "1"
        kept, cut = first.connect(), second.connect()
        eventually(lambda: MESSAGE in straight(stack, person, lasting), 70)
        assert time.monotonic() - began > 55
        assert kept.execute("select 1").fetchone() == (1,)
        eventually(lambda: cut.closed or not answers(cut), 20)
        kept.close()
        cut.close()


def answers(session: psycopg.Connection) -> bool:
    try:
        return session.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


@contextmanager
def a_slow_ca(ca):
    """Have a CA be silent for longer than an agent would wait for something that is not needed."""
    ca.process.send_signal(signal.SIGSTOP)
    later = threading.Timer(1.0, ca.process.send_signal, (signal.SIGCONT,))
    later.start()
    try:
        yield
    finally:
        later.join()


def test_psql_asks_first_also_where_the_agent_held_the_service_before_the_rule(stack):
    """Nobody should sit before a psql that is silent for a minute."""
    person = stack.person()
    service = stack.service(person)
    with agent(person):
        person.ok("connect", service)
        stack.service(person, name=service, stepUp={"minutes": 5})
        with a_slow_ca(stack.site.ca):
            done = person.run("psql", service, "-c", "select 1")
        assert (done.returncode, done.stdout) == (3, "")
        assert "asks for a fresh second factor, and you have none that it accepts" in done.stderr
        assert "hint: pgward mfa add totp" in done.stderr


def test_psql_has_the_browser_log_in_once_more_where_that_counts(stack, oidc_provider):
    person = stack.person()
    oidc_provider.person(person.name)
    stack.site.admin.ok(
        *("idp", "add", "corp", "--issuer", oidc_provider.issuer, "--client-id", CLIENT),
        *("--ca-file", oidc_provider.ca_file),
    )
    stack.site.admin.ok("idp", "link", "corp", person.name, person.name)
    service = stack.service(person, stepUp={"factors": ["oidc"]})
    browser = oidc_provider.browser_command(person.name)
    command = ("psql", service, "-XAtc", "select 'ser' || 'ved'")
    with on_a_terminal(person, *command, BROWSER=browser) as (_, ours, _):
        shown = read_until(ours, b"served")
    assert f"for {service}, log in once more at corp with the browser".encode() in shown
    (kept,) = stack.audit(action="step_up.prove", actor=person.name)
    assert (kept["outcome"], kept["details"]["provider"]) == ("ok", "corp")
