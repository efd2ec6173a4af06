"""PostgreSQL's own clients through a tunnel and an edge, TLS to PostgreSQL inside."""

import contextlib
import hashlib
import io
import os
import select
import socket
import struct
import subprocess
from pathlib import Path

import psycopg
import pytest

from pgward.system.postgres import find_client
from tests.fixtures.edge_process import eventually
from tests.fixtures.tunnel_process import client_environment, run_client

pytestmark = pytest.mark.integration
MANY_ROWS = "select i, md5(i::text) from generate_series(1, {}) i"


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


@pytest.fixture(scope="module")
def tunnel(stack, person):
    with stack.tunnel(person) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def idle(tunnel):
    """A session that does nothing while all the others of this file work."""
    with tunnel.connect() as session:
        yield session


def test_psql_reaches_a_server_that_checks_the_certificate_itself(person, tunnel):
    row = tunnel.psql(
        "select current_user, ssl, version, client_dn from pg_stat_ssl where pid = pg_backend_pid()"
    )
    assert row == f"{person.name}|t|TLSv1.3|/CN={person.name}"


@pytest.mark.parametrize("mode", ["simple", "prepared"])
def test_pgbench(tunnel, mode):
    made = run_client("pgbench", "-i", "-q", "-s", 1, tunnel.conninfo)
    assert made.returncode == 0, made.stderr
    done = run_client("pgbench", "-S", "-c", 8, "-t", 100, "-M", mode, tunnel.conninfo)
    assert done.returncode == 0, done.stderr
    assert "number of transactions actually processed: 800/800" in done.stdout


def test_pgbench_that_connects_for_every_transaction(tunnel):
    run_client("pgbench", "-i", "-q", "-s", 1, tunnel.conninfo)
    done = run_client("pgbench", "-S", "-C", "-c", 4, "-t", 10, tunnel.conninfo)
    assert done.returncode == 0, done.stderr
    assert "number of transactions actually processed: 40/40" in done.stdout


def test_pg_dump(tunnel):
    tunnel.psql(
        "create table dumped as select i, repeat('x', 100) t from generate_series(1, 999) i"
    )
    done = run_client("pg_dump", "-t", "dumped", tunnel.conninfo)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("x" * 100) == 999
    assert "PostgreSQL database dump complete" in done.stdout


@pytest.mark.parametrize("rows", [500_000, pytest.param(25_000_000, marks=pytest.mark.soak)])
def test_copy_out_and_in_is_the_same(tunnel, tmp_path, rows):
    """About 20 MB in the daily run, 1 GB in the long one."""
    first, second = tmp_path / "first", tmp_path / "second"
    table = f"copied_{rows}"
    query = MANY_ROWS.format(rows)
    tunnel.psql(f"create table {table} (i int, t text)")
    tunnel.psql(f"\\copy ({query}) to '{first}'", timeout=600)
    tunnel.psql(f"\\copy {table} from '{first}'", timeout=600)
    tunnel.psql(f"\\copy (select * from {table} order by i) to '{second}'", timeout=600)
    tunnel.psql(f"drop table {table}")
    assert first.stat().st_size > rows * 33
    assert checksum(first) == checksum(second)


def test_ctrl_c_cancels_the_query_and_not_the_session(tunnel):
    command = [find_client("psql"), "-XAtqn", "-P", "pager=off", "-d", tunnel.conninfo]
    terminal, inside = os.openpty()
    with (
        subprocess.Popen(
            command,
            env=client_environment(),
            preexec_fn=lambda: os.login_tty(inside),  # noqa: PLW1509 - no other thread runs here
        ) as psql,
        os.fdopen(terminal, "r+b", buffering=0) as keyboard,  # closed first, which ends psql
    ):
        os.close(inside)
        asleep = "query = 'select pg_sleep(60);' and state = 'active'"
        running = f"select count(*) from pg_stat_activity where {asleep}"
        keyboard.write(b"select pg_sleep(60);\n")
        with tunnel.connect() as watcher:
            eventually(lambda: watcher.execute(running).fetchone() == (1,))
            keyboard.write(b"\x03")
            eventually(lambda: watcher.execute(running).fetchone() == (0,), 5)
        keyboard.write(b"select 'still' || ' here';\n\\q\n")
        said = typed(keyboard)
        assert psql.wait(20) == 0
    assert "canceling statement due to user request" in said
    assert "still here" in said


def test_psycopg_cancels(tunnel):
    with tunnel.connect() as session:
        session.execute("select 1")
        assert cancelled(session)
        assert session.execute("select 2").fetchone() == (2,)


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=pytest.mark.soak)])
def test_many_sessions_at_once(tunnel, count):
    pids = set()
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(tunnel.connect()) for _ in range(count)]
        for _ in range(2):
            pids |= {session.execute("select pg_backend_pid()").fetchone() for session in sessions}
    assert len(pids) == count


@pytest.mark.soak
def test_sessions_leave_no_descriptor_behind(stack, person):
    with stack.tunnel(person) as tunnel:
        with tunnel.connect() as session:
            session.execute("select 1")
        before = tunnel.fds(), stack.edge.fds()
        for _ in range(40):
            with tunnel.connect() as session:
                session.execute("select 1")
        # PostgreSQL resets what a client closes with TLS inside: such sessions must end, too.
        eventually(lambda: active(person, tunnel.service) == 0, what="sessions never end")
        # The links that wait ready may have become a few more.
        eventually(lambda: tunnel.fds() <= before[0] + 8, what="the tunnel leaks descriptors")
        eventually(lambda: stack.edge.fds() <= before[1] + 8, what="the edge leaks descriptors")


def test_a_half_closed_client_still_gets_its_answer(stack, person):
    """What `echo … | nc -N` does: PostgreSQL answers a client that has sent its last byte."""
    service = stack.service(person, sslMode="disable")
    with (
        stack.tunnel(person, service) as tunnel,
        socket.create_connection(("127.0.0.1", tunnel.port), 20) as raw,
    ):
        raw.sendall(startup(person.name) + query("select repeat('x', 300000)"))
        raw.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.count(b"x") >= 300_000


def test_big_statements_and_big_rows(tunnel):
    text = "y" * 5_000_000
    with tunnel.connect() as session:
        row = session.execute("select length(%s), %s", (text, text)).fetchone()
    assert row == (5_000_000, text)


def test_a_client_that_does_not_read_stops_nobody(tunnel):
    with tunnel.connect() as slow, tunnel.connect() as other:
        slow.pgconn.send_query(b"select repeat('x', 1000) from generate_series(1, 100000)")
        for _ in range(100):
            assert other.execute("select 1").fetchone() == (1,)
        slow.pgconn.finish()


def test_a_session_killed_by_postgresql_ends_at_the_client(stack, tunnel):
    with tunnel.connect() as session:
        pid = session.execute("select pg_backend_pid()").fetchone()[0]
        stack.cluster.psql(f"select pg_terminate_backend({pid})")
        with pytest.raises(psycopg.errors.AdminShutdown):
            session.execute("select 1")


def test_an_idle_session_is_left_alone(idle):
    assert idle.execute("select 1").fetchone() == (1,)


def active(person, service: str) -> int:
    rows = {row["service"]: row for row in person.data("status")}
    return rows[service]["active"]


def typed(terminal: io.FileIO) -> str:
    """Return what a program shows until it closes its terminal."""
    said = b""
    with contextlib.suppress(OSError):  # EIO: nobody is at the other end any more
        while chunk := terminal.read(4096):
            said += chunk
    return said.decode()


def cancelled(session: psycopg.Connection) -> bool:
    session.pgconn.send_query(b"select pg_sleep(60)")
    for _ in range(20):  # a server does nothing about one that comes before the query has begun
        session.cancel_safe()
        if select.select([session.pgconn.socket], [], [], 1.0)[0]:
            break
    result = session.pgconn.get_result()
    while session.pgconn.get_result() is not None:
        pass
    return b"canceling statement" in (result.error_message or b"")


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def startup(user: str) -> bytes:
    body = struct.pack("!I", 196608) + f"user\0{user}\0database\0app\0\0".encode()
    return struct.pack("!I", len(body) + 4) + body


def query(sql: str) -> bytes:
    return b"Q" + struct.pack("!I", len(sql) + 5) + sql.encode() + b"\0"
