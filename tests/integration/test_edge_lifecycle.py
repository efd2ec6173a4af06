"""Edges that stop, reload and run several processes, with people at work on them."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import psutil
import psycopg
import pytest

from pgward.audit.events import AuditEvent
from pgward.client.home import Home
from pgward.client.machine import Machine
from pgward.pgwire.startup import ssl_request
from tests.fixtures.edge_process import EdgeProcess, eventually, quiet_port
from tests.fixtures.tunnel_process import client_environment

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


@pytest.fixture
def serve(stack, person):
    """Start an edge of this test's own, with a service on it."""
    started = []

    def make(*arguments, port=None):
        edge = stack.new_edge(*arguments, port=port)
        started.append(edge)
        return edge, stack.service(person, edges=(edge,), sslMode="disable")

    yield make
    for edge in started:
        edge.close()


def in_background(session: psycopg.Connection, sql: str) -> tuple[threading.Thread, list]:
    """Run SQL in a thread; the list gets its row, or its error."""
    rows: list = []

    def run() -> None:
        try:
            rows.append(session.execute(sql).fetchone()[0])
        except psycopg.Error as error:
            rows.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, rows


def test_a_drain_lets_a_query_finish_and_takes_nobody_new(stack, person, serve):
    edge, service = serve("--drain-timeout", 30)
    with stack.tunnel(person, service) as tunnel, tunnel.connect() as session:
        session.execute("select 1")
        thread, rows = in_background(session, "select 'done' from pg_sleep(2)")
        wait_until_running(stack, person, "pg_sleep(2)")
        edge.send(signal.SIGTERM)
        edge.says("stopping: 1 sessions have 30 s to end")
        assert "no connection to the edge" in tunnel.refused()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(edge.address, 5)
        assert edge.process.poll() is None
        thread.join(20)
        assert rows == ["done"]
        session.close()
        assert edge.ended() == 0


def test_idle_sessions_are_cut_at_the_end_of_the_drain(stack, person, serve):
    edge, service = serve("--drain-timeout", 1)
    with stack.tunnel(person, service) as tunnel, tunnel.connect() as session:
        session.execute("select 1")
        begin = time.monotonic()
        edge.send(signal.SIGTERM)
        assert edge.ended() == 0
        assert 1 <= time.monotonic() - begin < 5
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
        tunnel.says("the edge is stopping")
    assert "1 sessions did not end in time and are cut" in edge.messages()


@pytest.mark.soak
def test_idle_links_are_closed_and_nobody_notices(stack, person, serve):
    _, service = serve("--idle-timeout", 1)
    with stack.tunnel(person, service) as tunnel, tunnel.connect() as session:
        session.execute("select 1")
        told = tunnel.messages()
        eventually(lambda: ready_links(person, service) == 0)
        assert session.execute("select 2").fetchone() == (2,)
        assert tunnel.psql("select 3") == "3"
        assert tunnel.messages() == told


def test_a_second_signal_cuts_at_once(stack, person, serve):
    edge, service = serve("--drain-timeout", 60)
    with stack.tunnel(person, service) as tunnel, tunnel.connect() as session:
        session.execute("select 1")
        edge.send(signal.SIGTERM)
        edge.says("stopping: 1 sessions")
        edge.send(signal.SIGTERM)
        assert edge.ended(5) == 0


@pytest.mark.soak
def test_an_edge_without_sessions_stops_at_once(stack, person, serve):
    edge, service = serve("--drain-timeout", 60)
    with stack.tunnel(person, service) as tunnel:
        assert tunnel.psql("select 1") == "1"
        edge.send(signal.SIGTERM)
        assert edge.ended(5) == 0


def test_sighup_shows_the_new_certificate_and_drops_nobody(stack, person, serve):
    edge, service = serve()
    paths = Home(person.home).paths
    with stack.tunnel(person, service) as tunnel, tunnel.connect() as session:
        session.execute("select 1")
        before = presented(edge, paths)
        machine = Machine.load(edge.directory)
        machine.renew()
        machine.close()
        edge.send(signal.SIGHUP)
        eventually(lambda: presented(edge, paths) != before)
        assert session.execute("select 2").fetchone() == (2,)
        assert tunnel.psql("select 3") == "3"


def test_the_tunnel_recovers_when_its_edge_is_back(stack, person, serve):
    edge, service = serve()
    with stack.tunnel(person, service) as tunnel:
        assert tunnel.psql("select 1") == "1"
        edge.kill()
        assert "FATAL:  pgward: no connection to the edge" in tunnel.refused()
        assert "HINT:  is the edge running" in tunnel.refused()
        edge.restart()
        assert tunnel.psql("select 2") == "2"


def test_a_second_edge_takes_over(stack, person, serve):
    first, _ = serve()
    second, _ = serve()
    service = stack.service(person, edges=(first, second), sslMode="disable")
    with stack.tunnel(person, service) as tunnel:
        assert tunnel.psql("select 1") == "1"
        first.kill()
        assert tunnel.psql("select 2") == "2"
        first.restart()
        second.kill()
        assert tunnel.psql("select 3") == "3"


def test_a_session_that_an_edge_drops_unanswered_goes_over_another(stack, person, serve):
    first, _ = serve("--drain-timeout", 0)
    second, _ = serve("--drain-timeout", 0)
    with socket.create_server(("127.0.0.1", 0)) as database:
        database.settimeout(20)
        upstream = {"host": "127.0.0.1", "port": database.getsockname()[1]}
        service = stack.service(person, edges=(first, second), upstream=upstream)
        with (
            stack.tunnel(person, service) as tunnel,
            socket.create_connection(("127.0.0.1", tunnel.port), 20) as client,
        ):
            client.sendall(ssl_request())
            dropped, _ = database.accept()
            with dropped:
                assert dropped.recv(100) == ssl_request()
                next(edge for edge in (first, second) if talks_to(edge, dropped)).stop()
            answered, _ = database.accept()
            with answered:
                assert answered.recv(100) == ssl_request()
                answered.sendall(b"N")
                assert client.recv(100) == b"N"
            assert tunnel.messages().count("\n") == 1


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_one_edge_at_a_time_and_a_successor_while_it_drains(stack, person, serve, workers):
    edge, service = serve("--workers", workers)
    with pytest.raises(RuntimeError, match=rf"serves from .* already \(pid {edge.process.pid}\)"):
        EdgeProcess(edge.directory, quiet_port())
    with stack.tunnel(person, service) as tunnel, tunnel.connect() as session:
        session.execute("select 1")
        edge.send(signal.SIGTERM)
        edge.says("stopping: 1 sessions")
        successor = EdgeProcess(edge.directory, edge.port, "--workers", workers)
        assert tunnel.psql("select 2") == "2"
        assert session.execute("select 3").fetchone() == (3,)
        session.close()
        assert edge.ended() == 0
        assert successor.stop() == 0


@pytest.mark.soak
def test_two_workers_serve_and_drain(stack, person, serve):
    edge, service = serve("--workers", 2, "--drain-timeout", 20)
    workers = psutil.Process(edge.process.pid).children()
    assert len(workers) == 2
    with stack.tunnel(person, service) as tunnel:
        with tunnel.connect() as session:
            session.execute("select 1")
            thread, rows = in_background(session, "select 'done' from pg_sleep(1.5)")
            wait_until_running(stack, person, "pg_sleep(1.5)")
            edge.send(signal.SIGTERM)
            thread.join(20)
            assert rows == ["done"]
        assert edge.ended() == 0
    assert not any(worker.is_running() for worker in workers)


def test_both_workers_get_connections_and_hear_of_a_revocation(stack, serve):
    edge, _ = serve("--workers", 2)
    someone = stack.person()
    service = stack.service(someone, edges=(edge,), sslMode="disable")
    workers = psutil.Process(edge.process.pid).children()
    with stack.tunnel(someone, service) as tunnel:
        sessions = [tunnel.connect() for _ in range(24)]
        counts = [len(worker.net_connections(kind="tcp")) for worker in workers]
        assert min(counts) > 2, counts
        stack.revoke(someone)
        begin = time.monotonic()
        for session in sessions:
            eventually(lambda each=session: broken(each), 5)
            session.close()
        assert time.monotonic() - begin < 5


def test_a_worker_that_dies_is_started_again(stack, person, serve):
    edge, service = serve("--workers", 2)
    supervisor = psutil.Process(edge.process.pid)
    workers = supervisor.children()
    workers[0].kill()
    edge.says("worker 0 ended with -9 and is started again")
    eventually(lambda: len(supervisor.children()) == 2)
    with stack.tunnel(person, service) as tunnel:
        assert tunnel.psql("select 1") == "1"


@pytest.mark.soak
def test_what_a_worker_left_that_is_no_longer_started_reaches_the_ca(stack, serve):
    edge, _ = serve()
    edge.stop()
    left = AuditEvent.make(
        time=datetime.now(UTC), actor=stack.site.unique("left"), action="session.close",
        outcome="ok", client="192.0.2.1:5", details={"edge": edge.directory.name},
    )  # fmt: skip
    file = edge.directory / "spool" / "worker-3.jsonl"
    file.write_text(json.dumps(left.to_json()) + "\n")
    edge.restart()
    (event,) = eventually(lambda: stack.audit(actor=left.actor))
    assert event["id"] == left.id
    eventually(lambda: not file.exists())


def test_a_port_in_use_is_named_with_its_holder(stack, serve):
    edge, _ = serve()
    other = stack.new_edge()
    assert other.stop() == 0
    done = subprocess.run(
        [*pgward_edge(), str(other.directory), "--listen", f"127.0.0.1:{edge.port}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=client_environment(),
    )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{edge.port}" in done.stderr
    assert f"(pid {edge.process.pid})" in done.stderr
    assert "hint: choose another address with --listen" in done.stderr


def test_a_directory_that_was_never_enrolled(tmp_path):
    done = subprocess.run(
        [*pgward_edge(), str(tmp_path), "--listen", f"127.0.0.1:{quiet_port()}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=client_environment(),
    )
    assert done.returncode == 1
    assert f"pgward: no machine is enrolled in {tmp_path}" in done.stderr
    assert "hint: get a token with `pgward ca token`, then enroll" in done.stderr


def test_a_join_token_works_once(stack, tmp_path):
    name = stack.site.unique("edge")
    token = stack.site.admin.ok("ca", "token", "edge", name)
    file = tmp_path / "token"
    file.write_text(token)
    options = ("--token-file", file, "--advertise", "127.0.0.1:6432")
    first = stack.site.admin.run("edge", "enroll", tmp_path / "one", *options)
    assert first.returncode == 0, first.stderr
    assert f"edge {name} is enrolled until " in first.stderr
    second = stack.site.admin.run("edge", "enroll", tmp_path / "two", *options)
    assert second.returncode == 3
    assert second.stderr.startswith("pgward: ")
    assert not (tmp_path / "two" / "machine.json").exists()


@pytest.mark.soak
def test_a_token_for_a_host_makes_no_edge(stack, tmp_path):
    file = tmp_path / "token"
    file.write_text(stack.site.admin.ok("ca", "token", "host", stack.site.unique("host")))
    options = ("--token-file", file, "--advertise", "127.0.0.1:6432")
    done = stack.site.admin.run("edge", "enroll", tmp_path / "edge", *options)
    assert done.returncode == 2
    assert "that token is for a host, not for an edge" in done.stderr


def pgward_edge() -> list[str]:
    return [sys.executable, "-m", "pgward", "edge", "serve"]


def broken(session: psycopg.Connection) -> bool:
    try:
        session.execute("select 1")
    except psycopg.OperationalError:
        return True
    return False


def ready_links(person, service) -> int:
    (row,) = [row for row in person.data("status") if row["service"] == service]
    assert row["problem"] is None
    return row["ready_links"]


def talks_to(edge, upstream: socket.socket) -> bool:
    found = psutil.Process(edge.process.pid).net_connections(kind="tcp")
    return upstream.getpeername() in [tuple(each.laddr) for each in found]


def wait_until_running(stack, person, what: str) -> None:
    sql = f"select count(*) from pg_stat_activity where usename = '{person.name}'"
    active = f"{sql} and state = 'active' and query like '%{what}%'"
    eventually(lambda: stack.cluster.psql(active) == "1")


def presented(edge, paths) -> bytes:
    """The certificate that the edge shows in a new handshake."""
    context = ssl.create_default_context(cafile=paths.ca)
    context.load_cert_chain(paths.cert, paths.key)
    raw = socket.create_connection(edge.address, 20)
    with context.wrap_socket(raw, server_hostname=f"{edge.directory.name}.test") as client:
        return client.getpeercert(binary_form=True)
