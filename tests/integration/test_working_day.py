"""A working day: one login in a browser in the morning, then plain `psql service=…` until night.

CA, edge, agent, identity provider, PostgreSQL and psql share a clock that is moved by libfaketime;
this process and Chromium, which is used in the morning only, have the real one. libfaketime must
leave CLOCK_MONOTONIC alone, as Python's locks wait by it in a way that it does not know. So
what is measured with that goes by really: the CA, which counts `refreshMinutes` in memory, asks the
provider only once it was started anew, and goes by the store. It is, at lunch and at tea.
"""

import json
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgward.system import pg_programs
from pgward.system.postgres import Cluster, find_client, temporary_directory
from tests.fixtures import chromium
from tests.fixtures.ca import Person, Site, environment
from tests.fixtures.ca_process import pgward
from tests.fixtures.faketime import Faketime
from tests.fixtures.oidc_provider import CLIENT, OidcProvider, skip_without
from tests.fixtures.replicas import until
from tests.fixtures.stack import DATABASE, SERVER_NAME, Stack

pytestmark = [pytest.mark.integration, pytest.mark.soak]

NAME = "dora"
MORNING, EVENING, SESSION = 8 * 60, 18 * 60, 12 * 60  # in minutes
PAUSES = {"12:30": "after-lunch", "16:30": "after-tea"}  # and the groups from then on
WHO = "select current_user, client_serial from pg_stat_ssl where pid = pg_backend_pid()"


@pytest.fixture
def clock(monkeypatch) -> Iterator[Faketime]:
    """The clock of every process that this test starts from now on."""
    with temporary_directory() as directory:  # PostgreSQL's account must be able to read it
        made = Faketime(directory)
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        # PostgreSQL's account is given no variable of ours; of these it is, here.
        handed_on = pg_programs._HANDED_ON | made.variables().keys()
        monkeypatch.setattr(pg_programs, "_HANDED_ON", handed_on)
        yield made


@pytest.fixture
def database(clock, pg_bin) -> Iterator[Cluster]:  # noqa: ARG001 - its clock first
    """A PostgreSQL that knows the person as a role, and nothing of certificates yet."""
    with temporary_directory() as directory, Cluster(directory, pg_bin) as cluster:
        cluster.psql(f"create role {NAME} login")
        cluster.psql(f"create database {DATABASE}")
        yield cluster


@pytest.fixture
def stack(database, own_site: Site) -> Iterator[Stack]:
    """A CA, an edge, and the PostgreSQL, set up by `pgward hba apply`."""
    made = Stack(own_site, database, "verify-full")
    try:
        made.new_edge()
        yield made
    finally:
        made.close()


@pytest.fixture
def provider(clock, stack, tmp_path) -> Iterator[OidcProvider]:
    """A provider that the CA knows as ``corp``."""
    skip_without()
    running = OidcProvider(tmp_path, environment=clock.variables())
    stack.site.admin.ok(
        *("idp", "add", "corp", "--issuer", running.issuer, "--client-id", CLIENT),
        *("--ca-file", running.ca_file, "--group-claim", "groups", "--create-users"),
    )
    yield running
    running.close()


@dataclass
class Day:
    """What somebody does at a machine with this clock."""

    person: Person
    clock: Faketime
    opened: Path  # a file, written when a browser is opened

    @property
    def environment(self) -> dict[str, str]:
        browser = f"sh -c {shlex.quote(f'echo %s >> {self.opened}')}"
        return environment(self.person.home) | self.clock.variables() | {"BROWSER": browser}

    def at(self, minute: int) -> str:
        """Let it be so many minutes after midnight of a day on which people log in at eight."""
        self.clock.move(f"+{(minute - MORNING) * 60}")
        return f"{minute // 60:02}:{minute % 60:02}"

    def ok(self, *arguments: object) -> str:
        done = pgward(*arguments, env=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def psql(self, service: str, sql: str = WHO) -> "subprocess.CompletedProcess[str]":
        """Run plain psql, with a service's name and nobody to ask."""
        return subprocess.run(
            [find_client("psql"), "-XAtqw", f"service={service}", "-c", sql],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def agent_log(self) -> str:
        return (self.person.home / "run" / "agent.log").read_text()

    @contextmanager
    def agent(self) -> Iterator[None]:
        """Have the agent in the background, as people do."""
        self.ok("agent", "start")
        try:
            yield
        finally:
            done = self.person.run("agent", "stop")  # with the real clock: it sleeps between looks
            assert done.returncode == 0, done.stderr


def set_up(stack: Stack) -> None:
    """Have PostgreSQL check certificates, as its administrator does, while the clock is right.

    Under libfaketime this command cannot wait for PostgreSQL's programs: `time.sleep` fails.
    """
    body = {"kind": "host", "name": "db1", "dns": [SERVER_NAME]}
    token = stack.site.api.post("/v1/tokens", body)["token"]
    done = pgward(
        *("hba", "apply", "--data-dir", stack.cluster.data_dir),
        *("--dns", SERVER_NAME, "--token-file", "-"),
        stdin=token,
        env=environment(stack.site.admin.home),
    )
    assert done.returncode == 0, done.stderr


def log_in(day: Day, provider: OidcProvider, profile: Path) -> None:
    """Log in for the first time, at the pages of the provider in Chromium."""
    ca = day.person.site.ca
    command = [
        *(sys.executable, "-m", "pgward", "login", "--ca", ca.url, "--fingerprint"),
        *(ca.fingerprint, "--method", "oidc", "--provider", "corp", "--no-browser"),
    ]
    with (
        subprocess.Popen(
            command, env=day.environment, stderr=subprocess.PIPE, text=True
        ) as running,
        chromium.opened(profile, provider.ca_file) as browser,
    ):
        assert running.stderr is not None
        url = next(line for line in running.stderr if line.startswith("https://")).strip()
        page = browser.new_page()
        page.goto(url)
        page.fill("input[name=login]", day.person.name)
        page.fill("input[name=password]", "any")
        page.click("button[type=submit]")
        page.click("text=Continue")
        page.wait_for_url("http://127.0.0.1:*/callback*")
        said = running.stderr.read()
    assert running.returncode == 0, said
    assert f"logged in as {day.person.name} (analysts)" in said


def groups(stack: Stack) -> list[str]:
    """Return the person's groups, as the CA has them."""
    with closing(sqlite3.connect(stack.site.ca.directory / "ca.db")) as store:
        rows = store.execute("select group_name from group_members where user_name = ?", [NAME])
        return sorted(name for (name,) in rows)


def test_one_login_is_enough_for_a_working_day(stack, provider, clock, tmp_path) -> None:
    set_up(stack)
    provider.person(NAME, groups=["analysts"], name="Dora")
    service = stack.service(groups=("analysts",))
    plain = stack.service(groups=("analysts",), sslMode="disable")
    home = tmp_path / "fresh" / "pgward"
    home.parent.mkdir()
    day = Day(Person(stack.site, NAME, home), clock, tmp_path / "opened")
    log_in(day, provider, tmp_path / "chromium")
    told: dict[str, tuple[int, str, str]] = {}
    serials, followed = [], []
    with day.agent():
        day.ok("config", "install", service, plain)  # the agent opens their tunnels
        for minute in range(MORNING, EVENING + 1, 30):
            at = day.at(minute)
            if at in PAUSES:
                provider.person(NAME, groups=["analysts", PAUSES[at]], name="Dora")
                stack.site.ca.stop()
                stack.site.restart()
            done = day.psql(service)
            user, _, serial = done.stdout.strip().partition("|")
            told[at] = (done.returncode, user, done.stderr)
            serials.append(serial)
            if at in ("12:00", "14:00", "18:00"):
                followed.append(groups(stack))
        assert told == dict.fromkeys(told, (0, NAME, ""))
        assert (len(told), len(set(serials))) == (21, 11)
        assert provider.refreshes() == 2
        assert followed == [["analysts"], ["after-lunch", "analysts"], ["after-tea", "analysts"]]
        day.at(MORNING + SESSION + 1)
        refused = {name: day.psql(name) for name in (service, plain)}
        rows = json.loads(day.ok("status", "-o", "json"))
        until(lambda: "notice: pgward: your login has ended: pgward login" in day.agent_log())
    assert {done.returncode for done in refused.values()} == {2}
    # libpq drops what comes before TLS (CVE-2024-10977); where there is no TLS, it shows it.
    assert "FATAL:  pgward: your login session ended " in refused[plain].stderr
    assert "HINT:  pgward login\n" in refused[plain].stderr
    assert {row["problem"][:25] for row in rows} == {"your login session ended "}
    assert {row["hint"] for row in rows} == {"pgward login"}
    assert not day.opened.exists()
