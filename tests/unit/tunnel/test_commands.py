import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgward.core.errors import NotFoundError, UnavailableError
from pgward.system.process import ProcessId
from pgward.tunnel import commands
from pgward.tunnel.agent import client
from pgward.tunnel.local.registry import Registry, Running

SERVICE = {
    "name": "orders",
    "mode": "tcp",
    "server_name": "db1.internal",
    "database": "shop",
    "ssl_mode": "verify-full",
    "edges": [],
}


READY = json.dumps(
    {
        "running": {
            "service": "orders",
            "pid": os.getpid(),
            "started": 1.0,
            "host": "127.0.0.1",
            "port": 16000,
            "conninfo": "port=16000",
        },
        "said": ["port 15432 is taken by ncat (pid 7) of bob; using 16000 for now"],
    }
)


@pytest.fixture
def known(tmp_path):
    return Registry(tmp_path / "home")


@pytest.fixture
def add(known):
    def add(service="orders", pid=None, host="127.0.0.1", port=15432):
        process = ProcessId.of(pid or os.getpid())
        running = Running(service, process.pid, process.started, host, port, f"service {service}")
        known.add(running)
        return running

    return add


@pytest.fixture
def tunnel_process():
    """A process that ends when it is told to."""
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def test_nothing_is_open(pgward):
    result = pgward("status")
    assert result.exit_code == 0
    assert "no tunnel is open" in result.output


def test_a_tunnel_that_does_not_answer_is_shown_as_such(pgward, add):
    running = add()
    (row,) = json.loads(pgward("status", "--output", "json").stdout)
    assert row["address"] == "127.0.0.1:15432"
    assert row["problem"] == "it does not answer"
    assert (row["service"], row["pid"]) == ("orders", running.pid)


def test_a_tunnel_tells_how_it_fares(pgward, add, monkeypatch):
    add(host="/run/sockets")
    monkeypatch.setattr(commands.registry, "ask", lambda _path: {"active": 3, "problem": None})
    (row,) = json.loads(pgward("status", "--output", "json").stdout)
    assert (row["address"], row["active"], row["problem"]) == ("/run/sockets", 3, None)


TROUBLE = {"problem": "your certificate is revoked", "hint": "pgward login", "ready_links": 0}


def test_what_to_do_about_a_tunnel_in_trouble(pgward, add, monkeypatch):
    add()
    monkeypatch.setattr(commands.registry, "ask", lambda _path: TROUBLE)
    result = pgward("status")
    assert "your certificate is revoked" in result.stdout
    assert result.stderr == "hint for orders: pgward login\n"
    monkeypatch.setattr(commands.registry, "ask", lambda _path: TROUBLE | {"ready_links": 1})
    assert pgward("status").stderr == ""


def test_disconnecting_ends_the_process_and_forgets_it(pgward, add, known, tunnel_process):
    add(pid=tunnel_process.pid)
    result = pgward("disconnect", "orders")
    assert result.exit_code == 0
    assert "orders is disconnected" in result.stderr
    assert tunnel_process.poll() is not None  # it may be a zombie until now, which is ended
    assert known.get("orders") is None


def test_disconnecting_all_ends_each(pgward, add, known, tunnel_process):
    add("orders", pid=tunnel_process.pid)
    add("stock", pid=tunnel_process.pid)
    assert pgward("disconnect", "--all").exit_code == 0
    assert known.all() == []


def test_disconnecting_all_when_there_is_none(pgward):
    result = pgward("disconnect", "--all")
    assert (result.exit_code, result.stderr) == (0, "no tunnel is open\n")


def test_what_a_tunnel_said_before_it_was_detached_is_told(pgward, monkeypatch):
    monkeypatch.setattr(commands, "detach", lambda _arguments, **_options: (None, READY))
    result = pgward("connect", "orders", "--detach")
    assert (result.exit_code, result.stdout) == (0, "port=16000\n")
    assert result.stderr == (
        "port 15432 is taken by ncat (pid 7) of bob; using 16000 for now\n"
        "orders is at 127.0.0.1:16000; connect with this string, or pgward psql\n"
        "it runs in the background: pgward disconnect orders\n"
    )


def test_a_port_and_a_socket_exclude_each_other(pgward):
    result = pgward("connect", "orders", "--port", "16000", "--socket")
    assert result.exit_code == 2
    assert "--port and --socket exclude each other" in result.stderr


def test_the_output_may_be_chosen_by_a_variable(pgward, monkeypatch):
    monkeypatch.setenv("PGWARD_OUTPUT", "json")
    assert pgward("status").stdout == "[]\n"


def test_disconnecting_needs_a_name(pgward):
    result = pgward("disconnect")
    assert result.exit_code == 2
    assert "name a service, or use --all" in result.output


def test_one_that_is_not_connected_is_told_with_those_that_are(pgward, add):
    result = pgward("disconnect", "orders")
    assert result.exit_code == 1
    assert "hint: no tunnel is open" in result.stderr
    add("stock")
    assert "hint: connected: stock" in pgward("disconnect", "orders").stderr


def test_nobody_connects_without_a_login(pgward):
    assert pgward("connect", "orders").exit_code == 4
    assert pgward("psql", "orders").exit_code in {1, 4}


# --- psql ---------------------------------------------------------------------------------


@pytest.fixture
def psql(monkeypatch, logged_in, fake_ca):
    """Run `pgward psql …`; return psql's arguments and environment."""
    fake_ca.routes["GET /v1/services"] = {"services": [SERVICE]}
    became = []

    def execvpe(*words):
        became.append(words)
        raise SystemExit(0)

    monkeypatch.setattr(commands.quick.os, "execvpe", execvpe)

    def psql(*arguments):
        result = logged_in("psql", *arguments)
        return result, became

    return psql


def test_psql_goes_through_the_tunnel_that_is_open(psql, add):
    add()
    _, ((program, arguments, environment),) = psql("orders", "--", "-c", "select 1")
    assert (program, arguments) == ("psql", ["psql", "-c", "select 1"])
    wanted = {
        "PGHOST": "db1.internal",
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": "15432",
        "PGUSER": "alice",
        "PGDATABASE": "shop",
        "PGSSLMODE": "verify-full",
    }
    assert {key: environment[key] for key in wanted} == wanted
    for key in ("PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT"):
        assert Path(environment[key]).is_file()


ACCESS = {
    "until": "2126-11-21T12:00:00Z",
    "role": "alice_shop",
    "names": ["shop-reading"],
    "details": "be\x1b[2J kind\nask #dba",
}


def test_psql_by_a_grant_says_its_end_and_the_details_and_logs_in_as_its_role(psql, add, fake_ca):
    fake_ca.routes["GET /v1/services"] = {"services": [SERVICE | {"access": ACCESS}]}
    add()
    result, ((_, _, environment),) = psql("orders")
    end, *details = result.stderr.splitlines()
    assert end.startswith("your access to orders ends in ")
    assert end.endswith("(2126-11-21T12:00:00Z)")
    assert details == ["be\\x1b[2J kind", "ask #dba"]
    assert environment["PGUSER"] == "alice_shop"


@pytest.mark.parametrize("words", [("-Xh",), ("--help",), ("-c", "--", "--")])
def test_all_behind_the_service_is_psqls_own(psql, add, words):
    add()
    _, became = psql("orders", *words)
    assert became[0][1] == ["psql", *words]


def test_psql_on_a_unix_socket_speaks_no_tls(psql, add):
    add(host="/run/sockets", port=5432)
    _, ((_, _, environment),) = psql("orders")
    assert (environment["PGHOST"], environment["PGPORT"]) == ("/run/sockets", "5432")
    assert "PGHOSTADDR" not in environment
    assert "PGSSLMODE" not in environment


def test_psql_on_a_tunnel_in_trouble_says_so_first(psql, add, monkeypatch):
    add()
    monkeypatch.setattr(commands.registry, "ask", lambda _path: TROUBLE)
    result, became = psql("orders")
    assert len(became) == 1
    assert result.stderr == (
        "the tunnel to orders: your certificate is revoked\nhint: pgward login\n"
    )


def test_psql_of_an_unknown_service_offers_the_nearest(psql):
    result, became = psql("order")
    assert result.exit_code == 1
    assert "hint: did you mean orders?" in result.stderr
    assert became == []


def test_psql_opens_a_tunnel_that_ends_with_it(psql, monkeypatch):
    asked = []

    def detach(arguments, **_options):
        asked.append(arguments[3:])
        return None, READY

    monkeypatch.setattr(commands, "detach", detach)
    result, ((_, _, environment),) = psql("orders")
    assert result.stderr == ""  # its tunnel spoke to this terminal itself
    assert asked == [["connect", "orders", "--no-agent", "--for-pid", str(os.getpid())]]
    assert environment["PGPORT"] == "16000"


@pytest.mark.usefixtures("psql")
def test_psql_has_to_be_there(logged_in, add, monkeypatch):
    def missing(*_words):
        raise FileNotFoundError

    add()
    monkeypatch.setattr(commands.quick.os, "execvpe", missing)
    result = logged_in("psql", "orders")
    assert result.exit_code == 1
    assert "psql is not on PATH" in result.stderr


def test_psql_is_led_elsewhere_by_no_variable(psql, add, monkeypatch):
    for name in ("PGHOSTADDR", "PGSERVICE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLNEGOTIATION"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=8MB")
    add(host="/run/sockets", port=5432)
    _, ((_, _, environment),) = psql("orders")
    assert "elsewhere" not in environment.values()
    assert environment["PGOPTIONS"] == "-c work_mem=8MB"


# --- with an agent ------------------------------------------------------------------------

RUNNING = json.loads(READY)["running"]


class FakeAgent:
    """Answers what it is told to, in the place of ``client.ask``."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def __call__(self, _home, op, **fields):
        self.asked.append((op, fields))
        answer = self.answers.get(op, client.AgentAwayError())
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def agent(monkeypatch):
    def agent(**answers):
        made = FakeAgent(**answers)
        monkeypatch.setattr(client, "ask", made)
        return made

    return agent


def test_the_agent_holds_the_tunnel(pgward, agent):
    made = agent(connect={"running": RUNNING, "said": ["port 15432 is taken"], "new": True})
    result = pgward("connect", "orders", "--socket")
    assert (result.exit_code, result.stdout) == (0, "port=16000\n")
    assert result.stderr == (
        "port 15432 is taken\n"
        "orders is at 127.0.0.1:16000; connect with this string, or pgward psql\n"
        "the agent holds it now: pgward disconnect orders\n"
    )
    assert made.asked == [("connect", {"service": "orders", "port": None, "socket": True})]


def test_the_agent_may_be_left_out(pgward, agent, monkeypatch):
    monkeypatch.setattr(commands, "detach", lambda _arguments, **_options: (None, READY))
    made = agent(connect={"running": RUNNING, "said": [], "new": True})
    result = pgward("connect", "orders", "--no-agent", "--detach")
    assert (result.exit_code, made.asked) == (0, [])


@pytest.mark.parametrize("command", ["connect", "psql"])
def test_an_agent_that_hangs_is_told_with_the_way_around(pgward, agent, command):
    hangs = UnavailableError("the agent does not answer", hint=client.HANGS_HINT)
    agent(connect=hangs, psql=hangs)
    result = pgward(command, "orders")
    assert result.exit_code == 1
    assert result.stderr.endswith(f"; or: pgward {command} --no-agent orders\n")


def test_what_waits_in_the_agent_is_shown(pgward, add, agent):
    add()
    waiting = {"service": "stock", "address": None, "problem": "you are not logged in"}
    agent(status={"tunnels": [waiting, {"service": "orders", "address": "127.0.0.1:15432"}]})
    rows = json.loads(pgward("status", "-o", "json").stdout)
    assert [(row["service"], row["address"]) for row in rows] == [
        ("orders", "127.0.0.1:15432"),
        ("stock", None),
    ]
    assert rows[1]["problem"] == "you are not logged in"


def test_a_hanging_agent_does_not_hide_the_other_tunnels(pgward, add, agent):
    add()
    agent(status=UnavailableError("the agent does not answer", hint="stop it"))
    result = pgward("status")
    assert "127.0.0.1:15432" in result.stdout
    assert result.stderr == "the agent does not answer\nhint: stop it\n"


def test_the_agent_closes_its_tunnels_and_their_own_processes_end(
    pgward, add, agent, known, tunnel_process
):
    add("orders", pid=tunnel_process.pid)
    agent(disconnect={"closed": ["stock"]})
    result = pgward("disconnect", "--all")
    assert result.stderr == "stock is disconnected\norders is disconnected\n"
    assert known.all() == []


def test_one_that_the_agent_does_not_hold_has_a_process_of_its_own(
    pgward, add, agent, tunnel_process
):
    add("orders", pid=tunnel_process.pid)
    agent(disconnect=NotFoundError("orders is not connected"))
    result = pgward("disconnect", "orders")
    assert (result.exit_code, result.stderr) == (0, "orders is disconnected\n")


def test_the_agents_tunnel_is_no_process_to_end(pgward, known, agent):
    me = ProcessId.of(os.getpid())
    known.add(Running("orders", me.pid, me.started, "127.0.0.1", 15432, "", agent=True))
    agent(disconnect={"closed": ["orders"]})
    assert pgward("disconnect", "--all").stderr == "orders is disconnected\n"
