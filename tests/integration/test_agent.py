"""The agent with a real CA, edge and PostgreSQL."""

import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

import psutil
import psycopg
import pytest

from pgward.system.postgres import find_client
from tests.fixtures.agent_process import agent
from tests.fixtures.ca import environment
from tests.fixtures.edge_process import eventually, quiet_port
from tests.fixtures.tunnel_process import psql
from tests.fixtures.warm import executed

pytestmark = pytest.mark.integration


@pytest.fixture
def person(stack):
    """Somebody without any tunnel yet; afterwards none of theirs is left."""
    made = stack.person()
    yield made
    made.run("agent", "stop")
    made.run("disconnect", "--all")


def is_open(person, *services: str) -> bool:
    """Tell whether these tunnels, and no other, are open."""
    rows = person.data("status")
    return {row["service"] for row in rows if row["address"]} == set(services)


def alive(pid: int) -> bool:
    """Tell whether a process runs; what nobody collected is none."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.soak
def test_a_day_with_two_services(stack, person):
    """Connect, use, kill, start: the tunnels are there again, at the ports that they had."""
    first, second = stack.service(person), stack.service(person)
    with agent(person) as running:
        done = person.run("connect", first, "--port", quiet_port())
        one = done.stdout.strip()
        assert f"the agent holds it now: pgward disconnect {first}" in done.stderr
        assert "has it open already" in person.run("connect", first).stderr
        two = person.ok("connect", second, "--port", quiet_port()).strip()
        assert (psql(one, "select 1"), psql(two, "select 2")) == ("1", "2")
        pids = {row["pid"] for row in person.data("status")}
        assert pids == {running.process.pid}
        running.kill()
        running.restart()
        eventually(lambda: is_open(person, first, second))
        assert (psql(one, "select 3"), psql(two, "select 4")) == ("3", "4")
        person.ok("disconnect", first)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(one)
        assert running.stop() == 0
        assert person.data("status") == []
        running.restart()
        eventually(lambda: is_open(person, second))


def test_psql_through_the_agent(stack, person):
    service = stack.service(person)
    with agent(person):
        for _ in range(2):
            assert person.ok("psql", service, "-XAtqc", "select current_user") == f"{person.name}\n"
        assert person.ok("psql", service, "--", "-XAtqc", "select 2") == "2\n"
        assert person.run("psql", service, "-Xc", "select 1/0").returncode == 1
        row = person.data("status")[0]
        assert (row["total"], row["agent"]) == (4, True)
        assert not (person.home / "tunnels.json").exists()  # nobody asked to have it for ever
        done = person.run("psql", "nothing", "-c", "select 1")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("pgward: there is no service 'nothing' for you\n")


def test_started_in_the_background_once_and_stopped(person):
    assert "(pid " in person.run("agent", "start").stderr
    assert person.run("agent", "start").stderr.startswith("the agent runs already (pid ")
    answer = person.data("agent", "status")
    assert (answer["running"], answer["login"]["user"]) == (True, person.name)
    log = person.home / "run" / "agent.log"
    assert log.stat().st_mode & 0o777 == 0o600
    done = subprocess.run(
        [sys.executable, "-m", "pgward", "agent", "run"],
        env=environment(person.home),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert "pgward: an agent runs already\nhint: pgward agent status\n" in done.stderr
    assert person.run("agent", "stop").returncode == 0
    assert not alive(answer["pid"])
    assert person.run("agent", "status").stderr == (
        "pgward: no agent runs\nhint: pgward agent start\n"
    )


def test_an_agent_from_before_the_login(stack):
    person = stack.person()
    service = stack.service(person)
    person.ok("logout")
    with agent(person) as running:
        done = person.run("connect", service)
        assert (done.returncode, done.stderr) == (
            4,
            "pgward: you are not logged in\nhint: pgward login\n",
        )
        person.login().close()
        assert psql(person.ok("connect", service).strip(), "select 1") == "1"
        person.ok("logout")
        assert person.run("psql", service).returncode == 4
        person.login().close()
        assert person.ok("psql", service, "-XAtqc", "select 1") == "1\n"
        assert running.ask("status")["login"]["logged_in"] is True


@pytest.mark.soak
def test_an_agent_that_hangs_is_named_and_can_be_stopped(stack, person):
    service = stack.service(person)
    with agent(person) as running:
        person.ok("connect", service)
        running.send(signal.SIGSTOP)
        done = person.run("psql", service, "-XAtqc", "select 1")
        assert done.returncode == 1
        assert done.stderr.startswith("pgward: the agent does not answer\n")
        assert person.ok("psql", "--no-agent", service, "-XAtqc", "select 1") == "1\n"


def test_live_connections_and_their_bytes(stack, person):
    service = stack.service(person)
    with agent(person) as running:
        conninfo = person.ok("connect", service).strip()
        with psycopg.connect(conninfo) as session:
            session.execute("select repeat('x', 100000)").fetchall()

            def carried(least: int) -> dict | None:
                """The one connection, once the kernel has heard that so much arrived."""
                [row] = running.ask("live")["connections"]
                return row if row["down"] > least else None

            row = eventually(lambda: carried(100_000))
            assert (row["service"], row["pid"]) == (service, psutil.Process().pid)
            assert 100_000 > row["up"] > 100
            session.execute("select repeat('x', 100000)").fetchall()
            later = eventually(lambda: carried(200_000))
            assert later["number"] == row["number"]
            picture = person.data("top")
            assert [each["service"] for each in picture["connections"]] == [service]
        eventually(lambda: running.ask("live")["connections"] == [])


def by_section(person, service: str) -> str:
    """Ask as a program does that reads pg_service.conf only."""
    env = environment(person.home)
    del env["PGWARD_HOME"]
    words = [find_client("psql"), f"service={service}", "-XAtqc", "select current_user"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.strip() or done.stderr


@pytest.mark.soak
def test_an_agent_that_begins_after_config_install_opens_what_it_installed(stack, person):
    first, second = stack.service(person), stack.service(person)
    person.ok("config", "install", first)
    person.ok("logout")
    with agent(person):
        person.login().close()
        eventually(lambda: is_open(person, first))
        assert by_section(person, first) == person.name
        done = person.run("config", "install", second)
        assert f"the agent holds the tunnel to {second} open" in done.stderr
        assert by_section(person, second) == person.name
        person.ok("config", "uninstall", first)
        eventually(lambda: is_open(person, second))
        person.ok("config", "uninstall")
        eventually(lambda: is_open(person))


@pytest.mark.soak
def test_the_state_of_a_killed_agent_hinders_nothing(stack, person):
    service = stack.service(person)
    with agent(person) as running:
        conninfo = person.ok("connect", service, "--port", quiet_port()).strip()
        running.kill()
        assert person.data("status") == []
        assert person.ok("psql", service, "-XAtqc", "select 1") == "1\n"  # by a tunnel of its own
        assert person.run("disconnect", service).returncode == 1
        assert json.loads((person.home / "ports.json").read_text())[service]
        running.restart()
        eventually(lambda: is_open(person, service))
        assert psql(conninfo, "select 1") == "1"


NOTIFY_SEND = """\
#!{python}
import sys
with open({log!r}, "a") as log:
    log.write("|".join(sys.argv[-2:]))
"""


def test_a_person_who_is_blocked_is_told_on_the_desktop(stack, person, tmp_path):
    service = stack.service(person)
    log, program = tmp_path / "told", tmp_path / "notify-send"
    program.write_text(NOTIFY_SEND.format(python=sys.executable, log=str(log)))
    program.chmod(0o755)
    desktop = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
    }
    with agent(person, desktop) as running:
        conninfo = person.ok("connect", service).strip()
        assert person.data("agent", "status")["login"]["problem"] is None
        with contextlib.closing(psycopg.connect(conninfo, autocommit=True)) as session:
            session.execute("select 1")
            stack.site.admin.ok("user", "block", person.name)
            told = eventually(lambda: log.exists() and log.read_text())
        assert told.startswith(f"pgward: {service}|a connection was ended: ")
        assert running.ask("status")["login"]["problem"] == "your account is blocked"
        assert person.data("agent", "status")["login"]["problem"] == "your account is blocked"
        running.says("WARNING your account is blocked")
        assert log.read_text() == told
    stack.site.admin.ok("user", "unblock", person.name)


@pytest.mark.soak
def test_a_login_that_was_ended_elsewhere_is_named_though_no_tunnel_is_open(stack):
    person = stack.person()
    with agent(person) as running:
        stack.site.admin.ok("user", "block", person.name)
        assert person.data("agent", "status")["login"]["problem"] == "your login session has ended"
        running.says("WARNING your login session has ended")
    stack.site.admin.ok("user", "unblock", person.name)


def test_no_secret_is_where_others_could_read_it(stack, person):
    """Not in arguments, environments, logs or answers, nor in files that others can read."""
    service = stack.service(person)
    current = person.home / "identity" / "current"
    secrets = [(current / "token").read_text(), *(current / "login.key").read_text().split("\n")]
    wanted = [each for each in secrets if len(each) > 20 and not each.startswith("-----")]
    assert len(wanted) >= 3
    with executed(), agent(person) as running:
        person.ok("connect", service)
        told = [
            person.ok("psql", service, "-XAtq", "-c", r"\! env"),
            person.ok("agent", "status", "-o", "json"),
            person.ok("top", "-o", "json"),
            running.messages(),
        ]
        process = psutil.Process(running.process.pid)
        told += [*process.cmdline(), json.dumps(process.environ())]
        for path in (person.home / "run").rglob("*"):
            assert path.lstat().st_mode & 0o077 == 0, path
            if path.is_file():
                told.append(path.read_text())
    assert [each for each in wanted if any(each in text for text in told)] == []


@pytest.mark.soak
def test_the_dashboard_on_a_terminal(stack, person):
    service = stack.service(person)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    with agent(person), os.fdopen(ours, "r+b", buffering=0) as screen:
        dashboard = subprocess.Popen(
            [sys.executable, "-m", "pgward", "top"],
            env=environment(person.home) | {"TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        shown = b""
        while service.encode() not in shown:
            shown += screen.read(65536)
        screen.write(b"q")
        with contextlib.suppress(OSError):  # EIO is how a terminal ends
            while screen.read(65536):
                pass
        assert dashboard.wait(20) == 0
