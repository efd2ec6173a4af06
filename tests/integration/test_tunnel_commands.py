"""connect, status, disconnect and psql as a person uses them."""

import contextlib
import os
import re
import socket
import stat
import subprocess
import threading
from pathlib import Path

import psutil
import psycopg
import pytest

from pgward.tunnel.local.registry import Registry
from tests.fixtures.edge_process import eventually, quiet_port
from tests.fixtures.tunnel_process import client_environment, psql

pytestmark = pytest.mark.integration


@pytest.fixture
def person(stack):
    """Somebody without any tunnel yet; afterwards none of theirs is left."""
    made = stack.person()
    yield made
    made.run("disconnect", "--all")
    assert tunnels_of(made) == []


@pytest.fixture
def service(stack, person):
    return stack.service(person)


def tunnels_of(person) -> list[int]:
    """The processes that hold this person's home."""
    wanted = f"PGWARD_HOME={person.home}"
    found = []
    for process in psutil.process_iter():
        try:
            mine = os.environ.get("PGWARD_HOME") != str(person.home)
            environ = process.environ()
        except psutil.Error:
            continue
        if mine and f"PGWARD_HOME={environ.get('PGWARD_HOME')}" == wanted:
            found.append(process.pid)
    return found


def test_connect_says_where_and_how(stack, person, service):
    with stack.tunnel(person, service) as tunnel:
        fields = psycopg.conninfo.conninfo_to_dict(tunnel.conninfo)
        assert fields["hostaddr"] == "127.0.0.1"
        assert fields["host"] == "db1.test"
        assert fields["sslmode"] == "verify-full"
        assert fields["user"] == person.name
        assert fields["dbname"] == "app"
        assert tunnel.messages() == (
            f"{service} is at 127.0.0.1:{tunnel.port}; connect with this string, or pgward psql\n"
        )
        assert tunnel.stop() == 0
    assert Registry(person.home).all() == []


def test_the_port_is_remembered(stack, person, service):
    port = quiet_port()
    with stack.tunnel(person, service, "--port", port) as tunnel:
        assert tunnel.port == port
    with stack.tunnel(person, stack.service(person)) as other:
        assert other.port != port
    with stack.tunnel(person, service) as tunnel:
        assert tunnel.port == port


@pytest.mark.soak
def test_a_remembered_port_that_is_taken(stack, person, service):
    port = quiet_port()
    with stack.tunnel(person, service, "--port", port) as tunnel:
        assert tunnel.port == port
    with socket.create_server(("127.0.0.1", port)), stack.tunnel(person, service) as tunnel:
        assert tunnel.port != port
        me = psutil.Process()
        holder = f"{me.name()} (pid {me.pid}) of {me.username()}"
        said = f"port {port} is taken by {holder}; using {tunnel.port} for now\n"
        assert said in tunnel.messages()
        assert tunnel.psql("select 1") == "1"
    with stack.tunnel(person, service) as tunnel:
        assert tunnel.port == port


@pytest.mark.soak
def test_a_taken_port_is_told_though_the_tunnel_is_detached(stack, person, service):
    port = quiet_port()
    with stack.tunnel(person, service, "--port", port):
        pass
    with socket.create_server(("127.0.0.1", port)):
        done = person.run("connect", service, "--detach")
    person.ok("disconnect", service)
    assert done.stderr.startswith(f"port {port} is taken by {psutil.Process().name()} (pid ")


def test_a_wanted_port_that_is_taken(person, service):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = person.run("connect", service, "--port", port)
    me = psutil.Process()
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"pgward: port {port} is taken by {re.escape(me.name())} \(pid {me.pid}\) of root\n"
        r"hint: --port \d+ is free\n",
        done.stderr.replace(me.username(), "root"),
    )


def test_a_second_tunnel_of_the_same_service(stack, person, service):
    with stack.tunnel(person, service) as tunnel:
        done = person.run("connect", service)
        assert done.returncode == 1
        assert done.stderr == (
            f"pgward: {service} is connected already, at 127.0.0.1:{tunnel.port}\n"
            f"hint: pgward disconnect {service}\n"
        )
        assert tunnel.psql("select 1") == "1"


def test_detach_status_and_disconnect(person, service):
    conninfo = person.ok("connect", service, "--detach").strip()
    with psycopg.connect(conninfo) as session:
        session.execute("select 1")
        row = person.data("status")[0]
        assert row["service"] == service
        assert (row["active"], row["total"], row["refused"]) == (1, 1, 0)
        assert row["problem"] is None
        assert row["conninfo"] == conninfo
        done = person.run("disconnect", service)
        assert (done.returncode, done.stderr) == (0, f"{service} is disconnected\n")
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
    assert person.data("status") == []
    assert tunnels_of(person) == []


@pytest.mark.parametrize("options", [(), ("--socket",)])
def test_a_killed_tunnel_leaves_nothing_in_the_way(stack, person, options):
    service = stack.service(person, sslMode="disable")
    person.ok("connect", service, "--detach", *options)
    [pid] = tunnels_of(person)
    psutil.Process(pid).kill()
    eventually(lambda: tunnels_of(person) == [])
    done = person.run("status")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "no tunnel is open\n"
    assert [*(person.home / "run").glob(f"{service}.*")] == []
    conninfo = person.ok("connect", service, "--detach", *options).strip()
    assert psql(conninfo, "select 1") == "1"


def test_disconnect_what_is_not_connected(person):
    done = person.run("disconnect", "nothing")
    assert done.returncode == 1
    assert done.stderr == "pgward: nothing is not connected\nhint: no tunnel is open\n"
    assert person.run("disconnect").returncode == 2


def test_a_unix_socket(stack, person):
    service = stack.service(person, sslMode="disable")
    with stack.tunnel(person, service, "--socket") as tunnel:
        fields = psycopg.conninfo.conninfo_to_dict(tunnel.conninfo)
        directory = Path(fields["host"])
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert tunnel.psql("select current_user") == person.name
        assert person.ok("psql", service, "--", "-XAtqc", "select 1") == "1\n"
    assert list(directory.glob(".s.PGSQL*")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_users_process_is_refused(stack, person):
    service = stack.service(person, sslMode="disable")
    with stack.tunnel(person, service) as tunnel:
        code = (
            "import socket, sys\n"
            f"c = socket.create_connection(('127.0.0.1', {tunnel.port}), 10)\n"
            "c.sendall(bytes((0, 0, 0, 8, 4, 210, 22, 47)))\n"
            "try: sys.exit(len(c.recv(1)))\n"
            "except ConnectionResetError: pass\n"
        )
        done = subprocess.run(
            ["/usr/bin/env", "python3", "-c", code],
            user=65534,
            group=65534,
            extra_groups=[],
            env=client_environment() | {"PATH": "/usr/bin:/bin"},
            check=False,
            timeout=30,
        )
        assert done.returncode == 0
        tunnel.says("refused a process that is not yours")
        assert tunnel.psql("select 1") == "1"


def test_psql_without_a_tunnel_leaves_no_process_behind(person, service):
    done = person.run("psql", service, "--", "-XAtqc", "select current_user, ssl from pg_stat_ssl"
                      " where pid = pg_backend_pid()")  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"{person.name}|t\n"), done.stderr
    eventually(lambda: tunnels_of(person) == [], 5)
    assert person.data("status") == []


def test_psql_gives_back_its_own_exit_status(person, service):
    done = person.run("psql", service, "--", "-Xc", "select 1/0")
    assert done.returncode == 1
    assert "division by zero" in done.stderr


def test_psql_says_why_it_is_refused(stack, person):
    """libpq hides what comes before its TLS, so the tunnel says it in the same terminal."""
    service = stack.service(person, upstream={"host": "127.0.0.1", "port": 1})
    done = person.run("psql", service, "--", "-XAtqc", "select 1")
    assert done.returncode == 2
    assert f"{service}: the edge ended a connection: the edge cannot reach" in done.stderr
    edge = stack.new_edge()
    service = stack.service(person, edges=(edge,))
    edge.stop()
    done = person.run("psql", service, "--", "-XAtqc", "select 1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("no connection to the edge") == 1


def test_psql_uses_the_tunnel_that_is_open(stack, person, service):
    with stack.tunnel(person, service):
        assert person.ok("psql", service, "--", "-XAtqc", "select 1") == "1\n"
        row = person.data("status")[0]
        assert row["total"] == 1
        assert len(tunnels_of(person)) == 1


def test_psql_options_win(person, service):
    answer = person.ok("psql", service, "--", "-XAtq", "-d", "postgres", "-c", "select 1")
    assert answer == "1\n"


def test_connect_to_a_service_with_a_typo(stack, person):
    service = stack.service(person, name=stack.site.unique("orders"))
    done = person.run("connect", service.replace("orders", "order"))
    assert done.returncode == 1
    assert f"hint: did you mean {service}?" in done.stderr


def test_connect_without_a_login(stack):
    stranger = stack.site.stranger()
    done = stranger.run("connect", "orders")
    assert done.returncode == 4
    assert done.stderr == "pgward: you are not logged in\nhint: pgward login\n"


def test_connect_when_the_edge_is_down(stack, person):
    edge = stack.new_edge()
    service = stack.service(person, edges=(edge,))
    edge.stop()
    done = person.run("connect", service)
    assert done.returncode == 1
    assert done.stderr == (
        f"pgward: no connection to the edge 127.0.0.1:{edge.port}: Connection refused\n"
        "hint: is the edge running, and its address reachable from here?\n"
    )


def test_connect_when_no_edge_has_the_service(stack, person):
    edge = stack.new_edge()
    service = stack.service(person, edges=(edge,))
    stack.site.admin.ok("edges", "remove", edge.directory.name)
    done = person.run("connect", service)
    assert done.returncode == 1
    assert "pgward: no edge leads to this service\n" in done.stderr


def test_a_tunnel_to_something_that_is_no_edge(stack, person):
    edge = stack.new_edge()
    service = stack.service(person, edges=(edge,))
    edge.stop()
    with socket.create_server(edge.address) as other:
        threading.Thread(target=answer_http, args=(other,), daemon=True).start()
        done = person.run("connect", service)
        other.shutdown(socket.SHUT_RDWR)
    assert done.returncode == 1
    assert done.stderr.startswith(f"pgward: no connection to the edge 127.0.0.1:{edge.port}: ")


def answer_http(server: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the listener is shut down in the end
        while True:
            client, _ = server.accept()
            with client:
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
