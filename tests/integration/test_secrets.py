"""Nobody else on the machine finds a secret: not in argv, environments, logs, files or cores."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pgward.client import token_store
from tests.fixtures.agent_process import AgentProcess, agent
from tests.fixtures.ca import Person, environment, pgward
from tests.fixtures.edge_process import eventually
from tests.fixtures.warm import executed

pytestmark = pytest.mark.integration

PASSWORD = "Zyx-9 not to be found anywhere"
SLEEP = "select pg_sleep(50), 'of the secrets test'"
RUNNING = "select count(*) from pg_stat_activity where query like '%of the secrets test%'"


@pytest.fixture
def person(stack) -> Person:
    """Somebody with a password of their own, logged in by the command."""
    made = stack.site.person(logged_in=False)
    stack.role(made.name)
    body = {"password": PASSWORD}
    stack.site.api.post(f"/v1/users/{made.name}/password", body)
    made = replace(made, password=PASSWORD)
    done = made.log_in_by_command()
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return made


@pytest.fixture
def running(person) -> Iterator[AgentProcess]:
    with agent(person) as made:
        yield made


@pytest.fixture
def secrets(person) -> dict[str, bytes]:
    """What nobody may see, by what it is."""
    current = person.home / "identity" / "current"
    found = {
        "password": PASSWORD.encode(),
        "login token": (current / "token").read_bytes().strip(),
        "login key": (current / "login.key").read_bytes().splitlines()[1],
        "device key": (person.home / "device.key").read_bytes().splitlines()[1],
    }
    assert all(len(secret) > 20 for secret in found.values())
    return found


@pytest.fixture(autouse=True, scope="module")
def with_arguments_of_their_own() -> Iterator[None]:
    """Have all processes here show what they were begun with."""
    with executed():
        yield


@pytest.fixture
def psql(stack, person, running) -> Iterator["subprocess.Popen[bytes]"]:
    """A query under way through the agent's tunnel, begun by `pgward psql`."""
    person.ok("connect", stack.service(person))
    [service] = [row["service"] for row in running.ask("status")["tunnels"]]
    process = subprocess.Popen(
        [sys.executable, "-m", "pgward", "psql", service, "-c", SLEEP],
        env=environment(person.home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: int(stack.cluster.psql(RUNNING)) > 1)
    yield process
    process.kill()
    process.wait(10)


def found_in(data: bytes, secrets: dict[str, bytes]) -> list[str]:
    return [what for what, secret in secrets.items() if secret in data]


def test_no_process_shows_a_secret_in_its_arguments_or_environment(stack, running, psql, secrets):
    looked_at = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            arguments = "\0".join(process.cmdline())
            variables = "\0".join(f"{k}={v}" for k, v in process.environ().items())
            looked_at.add(process.pid)
            assert found_in(f"{arguments}\0{variables}".encode(), secrets) == [], process
    assert {running.process.pid, psql.pid, stack.edge.process.pid} <= looked_at


@pytest.mark.usefixtures("psql")
def test_files_with_secrets_are_the_owners_alone(person, secrets):
    holders = {}
    for path in person.home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            what = found_in(path.read_bytes(), secrets)
            assert not what or mode & 0o077 == 0, path
            assert "password" not in what
            if what:
                holders[path.name] = what
    assert {"token", "login.key", "device.key"} <= set(holders)
    assert stat.S_IMODE(person.home.stat().st_mode) == 0o700


@pytest.mark.usefixtures("psql")
def test_no_log_and_no_audit_event_tells_a_secret(stack, person, running, secrets):
    logs = [*stack.site.directory.rglob("*.log"), *person.home.rglob("*.log"), running.log]
    for path in filter(Path.is_file, logs):
        assert found_in(path.read_bytes(), secrets) == [], path
    assert found_in(stack.cluster.log_tail(100_000).encode(), secrets) == []
    assert found_in(repr(stack.audit()).encode(), secrets) == []


def test_processes_with_keys_leave_no_core(stack, running):
    for pid in (running.process.pid, stack.edge.process.pid, stack.site.ca.process.pid):
        limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
        [cores] = [line.split() for line in limits if line.startswith("Max core file size")]
        assert cores[4:6] == ["0", "0"], pid


def test_without_a_keyring_it_says_where_the_token_is_and_works(stack):
    made = stack.site.person(logged_in=False)
    ca = stack.site.ca
    variables = environment(made.home)
    del variables[token_store.VARIABLE]
    done = pgward(
        *("login", "--ca", ca.url, "--fingerprint", ca.fingerprint),
        *("--user", made.name, "--password-stdin"),
        stdin=f"{made.password}\n",
        env=variables | {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"},
    )
    assert "the login token is kept in a file that only you can read" in done.stderr
    token = made.home / "identity" / "current" / "token"
    assert (stat.S_IMODE(token.stat().st_mode), token.stat().st_uid) == (0o600, os.getuid())
    assert made.ok("whoami", "--check")
