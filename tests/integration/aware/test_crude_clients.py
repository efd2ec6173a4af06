"""Clients that mean harm, at a real edge before a real PostgreSQL: nothing of it gets there."""

import os
import random
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from pgward.pgwire import backend, frontend, startup
from pgward.pgwire.framing import message
from tests.fixtures.crude_client import CrudeClient
from tests.fixtures.memory import watched
from tests.fixtures.waiting import eventually
from tests.integration.aware.test_completeness import straight

pytestmark = pytest.mark.integration

MEGABYTE = 1 << 20
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
DENY = {
    "name": "no-marks",
    "effect": "DENY",
    "on": "statement",
    "condition": 'ctx.request.postgres.statement.kinds.exists(k, k in ["DELETE", "FUNCTION_CALL"])',
    "reason": "not that",
}
POLICY = {"rules": [DENY], "connect": {"default": "ALLOW"}, "statements": {"default": "ALLOW"}}
ONE = frontend.query("select 'one'")
DELETE = frontend.query("delete from pg_class where false")
NO_MESSAGE = {
    "a type that is none": message(b"!", b"x"),
    "a password": frontend.password(b"x"),
    "an answer": backend.ready(),
    "a length of 3": b"Q\0\0\0\3",
    "a length of 4 GB": b"Q\xff\xff\xff\xff",
    "a Sync of 1 MB": b"S\0\x0f\xff\xff",
    "COPY data of no length": b"d\0\0\0\0",
    "another startup packet": startup.startup({"user": "postgres"}),
    "a request to cancel": startup.cancel(1, b"keys"),
    "a request for TLS": startup.ssl_request(),
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "zeros": bytes(100),
}
NAMELESS = {
    "a Parse": message(b"P", b"s"),
    "a Bind": message(b"B", b"p\0s"),
    "an Execute": message(b"E", b"p"),
    "a Close": message(b"C", b"Ss"),
}


class World:
    """An edge with a service, with rules and without, and a session of somebody else."""

    def __init__(self, stack) -> None:
        self.stack = stack
        self.person = stack.person("analysts")
        self.edge = stack.new_edge()
        edges = (self.edge,)
        self.free = stack.aware(self.person, edges=edges)
        self.ruled = stack.aware(self.person, edges=edges, postgres={"policy": POLICY})
        where = straight(self.person, self.edge, self.free.name)
        self.session = psycopg.connect(where, autocommit=True)
        self.fds = self.edge.fds()

    def client(self, *, ruled: bool = False, certificate: bool = True) -> CrudeClient:
        name = (self.ruled if ruled else self.free).name
        return CrudeClient(self.edge, name, self.person, certificate=certificate)

    def check(self) -> None:
        """See that others go on, and that nothing is left, at PostgreSQL neither."""
        assert self.session.execute("select 1").fetchone() == (1,)
        assert self.edge.process.poll() is None
        assert "Traceback" not in self.edge.messages()
        eventually(lambda: self.edge.fds() <= self.fds + 2, what="the edge leaks descriptors")
        eventually(lambda: self.backends() == 1, what="sessions are left at PostgreSQL")

    def backends(self) -> int:
        roles = f"'{self.free.role}', '{self.ruled.role}'"
        counted = f"select count(*) from pg_stat_activity where usename in ({roles})"
        return int(self.stack.cluster.psql(counted))


@pytest.fixture(scope="module")
def world(stack) -> Iterator[World]:
    made = World(stack)
    yield made
    made.session.close()
    made.edge.close()


def kinds(told: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(kind for kind, _ in told)


@pytest.mark.parametrize("ruled", [False, True], ids=["free", "ruled"])
@pytest.mark.parametrize("said", NO_MESSAGE)
def test_what_is_no_message_ends_the_session_and_never_gets_to_postgresql(world, said, ruled):
    with world.client(ruled=ruled) as client:
        client.log_in()
        client.say(ONE + NO_MESSAGE[said])
        error = client.end()
    assert error is not None
    assert (error["S"], error["C"]) == ("FATAL", "08P01")
    world.check()


@pytest.mark.parametrize("said", NAMELESS)
def test_a_name_without_an_end_ends_a_session_that_is_ruled(world, said):
    with world.client(ruled=True) as client:
        client.log_in()
        client.say(NAMELESS[said], frontend.sync())
        error = client.end()
    assert error is not None
    assert "names something without an end" in error["M"]
    world.check()


def test_a_denied_query_needs_no_sync(world):
    with world.client(ruled=True) as client:
        client.log_in()
        client.say(DELETE)
        told = client.until(backend.READY)
        assert kinds(told) == b"EZ"
        assert backend.read_fields(told[0][1])["C"] == "42501"
        client.say(ONE)
        assert kinds(client.until(backend.READY)) == b"TDCZ"
    world.check()


def test_a_function_call_is_ruled(world):
    (oid,) = world.session.execute("select 'pg_catalog.pg_backend_pid'::regproc::oid").fetchone()
    call = frontend.function_call(oid, [])
    with world.client() as client:
        client.log_in()
        client.say(call)
        assert kinds(client.until(backend.READY)) == b"VZ"
    with world.client(ruled=True) as client:
        client.log_in()
        client.say(call, ONE)
        told = client.until(backend.READY)
        assert kinds(told) == b"EZ"
        assert backend.read_fields(told[0][1])["M"] == "not that"
        assert kinds(client.until(backend.READY)) == b"TDCZ"
    world.check()


def test_denied_statements_in_a_pipeline_take_all_up_to_sync_with_them(world):
    parts = (
        frontend.parse("", "begin"),
        frontend.bind("", ""),
        frontend.execute(),
        frontend.parse("", "delete from pg_class"),
        frontend.bind("", ""),
        frontend.execute(),
        frontend.parse("", "commit"),
        frontend.bind("", ""),
        frontend.execute(),
        frontend.sync(),
    )
    with world.client(ruled=True) as client:
        client.log_in()
        client.say(*parts)
        told = client.until(backend.READY)
        assert kinds(told) == b"12CEZ"
        assert told[-1][1] == backend.FAILED
    world.check()


def test_who_talks_and_does_not_listen_waits_and_takes_no_memory(world):
    """Each statement is answered by more than it is long, until both ways are full."""
    said = frontend.query("select repeat('x', 100000)") * 500_000
    with watched(world.edge.process.pid) as memory, world.client() as client:
        client.log_in()
        client.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            client.socket.sendall(said)
        assert world.session.execute("select 1").fetchone() == (1,)
        client.socket.settimeout(20.0)
        for _ in range(100):
            assert kinds(client.until(backend.READY)) == b"TDCZ"
    assert memory.grown < 64 * MEGABYTE
    world.check()


@pytest.mark.parametrize(
    "said",
    [
        frontend.query(""),
        pytest.param(frontend.sync(), marks=pytest.mark.soak),
        pytest.param(frontend.parse("", "") + frontend.bind("", ""), marks=pytest.mark.soak),
    ],
    ids=["nothing", "syncs", "statements"],
)
def test_what_is_asked_for_behind_what_runs_takes_no_memory(world, said):
    """Neither at the edge nor at its auditor, to whom each question is something to remember."""
    with watched(world.edge.process.pid) as memory, world.client() as client:
        client.log_in()
        client.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            client.socket.sendall(frontend.query("select pg_sleep(3)") + said * 2_000_000)
        assert world.session.execute("select 1").fetchone() == (1,)
        client.socket.settimeout(20.0)
        assert kinds(client.until(backend.READY)) == b"TDCZ"
    assert memory.grown < 64 * MEGABYTE
    world.check()


@pytest.mark.parametrize("size", [0, 1, 4, 7, 30])
def test_a_startup_packet_that_never_ends_holds_up_nobody(world, size):
    packet = startup.startup({"user": world.person.name})[:size]
    clients = [world.client(certificate=number % 2 == 0) for number in range(20)]
    for client in clients:
        client.say(packet)
    with world.client() as other:
        other.log_in()
    for client in clients:
        client.socket.close()
    world.check()


def test_who_says_all_before_the_login_is_over_is_heard_behind_it(world):
    hello = startup.startup({"user": world.person.name})
    with world.client() as client:
        client.say(hello + ONE + ONE)
        assert kinds(client.until(backend.READY))[-1:] == b"Z"
        assert [kinds(client.until(backend.READY)) for _ in range(2)] == [b"TDCZ"] * 2
    world.check()


def test_what_is_said_before_a_login_that_fails_gets_nowhere(world):
    marked = frontend.query("select 'before the login'")
    with world.client(certificate=False) as client:
        client.say(startup.startup({"user": "otp-" + "a" * 26}) + marked)
        error = client.end()
    assert error is not None
    assert "not known here" in error["M"]
    assert "before the login" not in world.stack.cluster.log_tail(100_000)
    world.check()


SMUGGLED = {
    "a role in the options": {"options": "-c role=postgres"},
    "an authorization in the options": {"options": "--session_authorization=postgres"},
    "a user in the options": {"options": "-c user=postgres -d postgres -U postgres"},
    "a database with a connection string": {"database": "user=postgres dbname=postgres"},
    "a database of another": {"database": "postgres"},
    "a setting called user": {"User": "postgres", "USER": "postgres", "DATABASE": "postgres"},
    "an option of the protocol": {"_pq_.user": "postgres"},
}


@pytest.mark.parametrize("said", SMUGGLED)
def test_nothing_in_a_startup_packet_makes_somebody_of_anybody_else(world, said):
    who = frontend.query("select session_user::text || ' ' || current_database()")
    with world.client() as client:
        client.begin(**SMUGGLED[said])
        if kinds(client.until(backend.READY))[-1:] == b"Z":
            client.say(who)
            rows = [body for kind, body in client.until(backend.READY) if kind == b"D"]
            found = [each for row in rows for each in backend.read_data_row(row)]
            assert found == [f"{world.free.role} app".encode()]
    world.check()


def test_a_name_that_comes_twice_counts_once(world):
    packet = startup.startup({"user": world.person.name})
    twice = packet[8:-1] + b"user\0postgres\0database\0postgres\0database\0app\0\0"
    said = struct.pack("!II", len(twice) + 8, 3 << 16) + twice
    with world.client() as client:
        client.say(said)
        client.until(backend.READY)
        client.say(frontend.query("select session_user::text"))
        assert world.free.role.encode() in b"".join(b for _, b in client.until(backend.READY))
    world.check()


def test_a_token_leads_to_its_own_service_whatever_the_host_is_called(world):
    made = world.person.data("token", world.free.name)
    elsewhere = made["uri"].replace(f"//{made['id']}@", f"//{made['id']}@{world.ruled.name}.")
    host = psycopg.conninfo.conninfo_to_dict(made["uri"])["host"]
    conninfo = psycopg.conninfo.make_conninfo(
        made["uri"], host=f"{world.ruled.name}.edge.test", hostaddr="127.0.0.1"
    )
    assert host in elsewhere
    with psycopg.connect(conninfo, password=made["password"]) as session:
        assert session.execute("select session_user").fetchone() == (world.free.role,)


def cancel(world: World, request: bytes) -> None:
    """Send a request as old clients do: without TLS; wait until it is over."""
    with socket.create_connection(world.edge.address, 20) as client:
        client.sendall(request)
        assert client.recv(1) == b""


def test_a_flood_of_wrong_cancels_cancels_nothing_and_holds_up_nobody(world):
    pid = world.session.info.backend_pid
    requests = [startup.cancel(pid, os.urandom(size)) for size in (4, 8, 32, 256) * 100]
    with ThreadPoolExecutor(16) as threads:
        running = threads.submit(world.session.execute, "select pg_sleep(1)")
        list(threads.map(lambda each: cancel(world, each), requests))
        running.result()
    world.check()


def test_a_flood_of_right_cancels_leaves_the_session_usable(world):
    with world.client() as client:
        client.begin()
        told = dict(client.until(backend.READY))
        request = startup.cancel(*backend.read_key_data(told[backend.KEY_DATA]))
        client.say(frontend.query("select pg_sleep(60)"))
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda _: cancel(world, request), range(64)))
        assert kinds(client.until(backend.READY))[-2:] == b"EZ"
        client.say(ONE)
        assert kinds(client.until(backend.READY)) in (b"TDCZ", b"EZ")
    world.check()


@pytest.mark.soak
def test_who_guesses_one_time_passwords_is_stopped_before_the_ca_is_asked(stack):
    """In an edge of its own, as all here come from one place."""
    person = stack.person()
    edge = stack.new_edge()
    service = stack.aware(person, edges=(edge,))
    heard = []
    for _ in range(30):
        with CrudeClient(edge, service.name, person, certificate=False) as client:
            guess = "".join(random.choices(LETTERS, k=26))
            client.say(startup.startup({"user": f"otp-{guess}"}))
            error = client.end()
            assert error is not None
            heard.append(error["C"])
    assert heard[:8] == ["28000"] * 8
    assert heard[-10:] == ["53300"] * 10
    with psycopg.connect(straight(person, edge, service.name)) as session:
        assert session.execute("select 1").fetchone() == (1,)
    edge.close()
