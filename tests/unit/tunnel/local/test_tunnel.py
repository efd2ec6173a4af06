"""A tunnel between a client here and a real door of an edge, without a CA."""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.client.identity import IdentityPaths
from pgward.client.services import EdgeInfo, ServiceInfo
from pgward.core.address import Address
from pgward.core.clock import SystemClock
from pgward.core.errors import LoginNeededError, UnavailableError
from pgward.pki.crl import RevocationList, key_id
from pgward.tunnel import pgerror
from pgward.tunnel.edge.accept import Door
from pgward.tunnel.edge.sessions import Links
from pgward.tunnel.edge.state import EdgeState, Service
from pgward.tunnel.local import tunnel as module
from pgward.tunnel.local.tunnel import Tunnel
from pgward.tunnel.preface import EXPLANATIONS, Reason, RefusedError
from tests.fixtures.authority import MovableClock
from tests.fixtures.links import EDGE_NAME, reset, tcp_pair, unix_pair


@dataclass
class FakeSession:
    """A login session whose renewals a test decides."""

    paths: IdentityPaths
    renewals: list[object] = field(default_factory=list)
    not_after: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(hours=1))
    session_expires_at: datetime = field(
        default_factory=lambda: datetime.now(UTC) + timedelta(hours=12)
    )

    asked: int = 0
    known: list[ServiceInfo] | Exception = field(default_factory=list)

    def ensure_certificate(self, min_remaining: timedelta) -> bool:
        assert min_remaining > timedelta()
        answer = self.renewals.pop(0) if self.renewals else False
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer()
        return bool(answer)

    def services(self) -> list[ServiceInfo]:
        self.asked += 1
        if isinstance(self.known, Exception):
            raise self.known
        return self.known


@dataclass
class World:
    """A client's side, a tunnel, an edge's door, and databases that are socket pairs."""

    tunnel: Tunnel
    session: FakeSession
    links: Links
    door: Door
    said: list[str]
    databases: list[socket.socket] = field(default_factory=list)
    dials: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    pair: Callable[[], tuple[socket.socket, socket.socket]] = unix_pair

    async def dial(self, upstream: Address) -> socket.socket:
        assert upstream.host == "db"
        self.dials += 1
        await self.gate.wait()
        database, ours = self.pair()
        self.databases.append(database)
        return ours

    async def client(self) -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, self.tunnel.listener.getsockname())
        return sock

    async def talk(self, client: socket.socket, question: bytes = b"query") -> socket.socket:
        """Send a first query and see the answer; return the database's socket."""
        count = len(self.databases)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, question)
        await until(lambda: len(self.databases) > count)
        database = self.databases[-1]
        assert await loop.sock_recv(database, 100) == question
        await loop.sock_sendall(database, b"answer")
        assert await loop.sock_recv(client, 100) == b"answer"
        return database


async def until(true) -> None:
    while not true():  # noqa: ASYNC110 - the object under test has no event for it
        await asyncio.sleep(0)


@asynccontextmanager
async def world(contexts, keys, *, user: str = "alice", preflight: bool = True, clock=None):
    loop = asyncio.get_running_loop()
    links = Links(loop, None, SystemClock())
    issuer = key_id(keys.users.certificate)
    links.state = EdgeState(
        1,
        "",
        {"orders": Service("orders", Address("db", 5432), frozenset({"alice"}), frozenset())},
        {},
        frozenset(),
        RevocationList({issuer: frozenset()}, datetime.now(UTC) + timedelta(days=1)),
    )
    door = Door(links, context=lambda: contexts[0])
    at_edge = socket.create_server(("127.0.0.1", 0))
    at_edge.setblocking(False)
    door.listen(at_edge)
    edge = EdgeInfo("e1", Address(*at_edge.getsockname()), EDGE_NAME)
    service = ServiceInfo("orders", "", "tcp", "db", None, "verify-full", (edge,))
    session = FakeSession(IdentityPaths(*keys.issue(keys.users, user), keys.server_roots))
    said: list[str] = []
    here = socket.create_server(("127.0.0.1", 0))
    tunnel = Tunnel(service, session, clock or SystemClock(), here, loop, said.append)
    made = World(tunnel, session, links, door, said)
    made.gate.set()
    links.dialer = made
    try:
        if preflight:
            await tunnel.preflight()
            tunnel.listen()
        yield made
    finally:
        tasks = [each._task for each in tunnel._live if each._task is not None]
        tunnel.close()
        loop.remove_reader(at_edge.fileno())
        at_edge.close()
        await until(lambda: not (tunnel.pool._dials or any(not task.done() for task in tasks)))
        for task in tuple(door.tasks):
            task.cancel()
        await until(lambda: not door.tasks)
        for link in tuple(links.live):
            link.close()
        for database in made.databases:
            database.close()


async def end(sock: socket.socket) -> bytes:
    """Return what still comes; a reset counts as the end."""
    received = b""
    try:
        while chunk := await asyncio.get_running_loop().sock_recv(sock, 4096):
            received += chunk
    except ConnectionError:
        pass
    sock.close()
    return received


async def exactly(sock: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        received += await asyncio.get_running_loop().sock_recv(sock, size - len(received))
    return received


# --- sessions -----------------------------------------------------------------------------


def test_sessions_one_after_another_use_links_again(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            for number in range(1, 21):
                client = await made.client()
                database = await made.talk(client)
                assert made.tunnel.counters.active == 1
                client.shutdown(socket.SHUT_WR)
                assert await end(database) == b""
                assert await end(client) == b""
                await until(lambda: made.tunnel.counters.active == 0)
                assert made.tunnel.counters.total == number
            assert len(made.links.live) <= 6
            assert made.said == []

    run(main())


def test_many_clients_at_once(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            clients = [await made.client() for _ in range(40)]
            loop = asyncio.get_running_loop()
            for number, client in enumerate(clients):
                await loop.sock_sendall(client, b"%d" % number)
            await until(lambda: len(made.databases) == 40)
            for database in made.databases:
                await loop.sock_sendall(database, b"<" + await loop.sock_recv(database, 10) + b">")
            got = [await loop.sock_recv(client, 10) for client in clients]
            assert got == [b"<%d>" % number for number in range(40)]
            for each in (*clients, *made.databases):
                each.close()
            await until(lambda: made.tunnel.counters.active == 0)

    run(main())


def test_clients_that_say_nothing_leave_links_whole(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            for _ in range(10):
                client = await made.client()
                await until(lambda: made.tunnel.counters.active == 1)
                client.close()
                await until(lambda: made.tunnel.counters.active == 0)
            assert made.databases == []
            client = await made.client()
            await made.talk(client)
            client.close()

    run(main())


def test_a_session_that_the_database_ended_first_gives_no_link_back(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            client = await made.client()
            database = await made.talk(client)
            await until(lambda: made.tunnel.pool.idle >= 4 and not made.tunnel.pool._dials)
            idle = made.tunnel.pool.idle
            database.shutdown(socket.SHUT_WR)
            assert await asyncio.get_running_loop().sock_recv(client, 10) == b""
            client.close()
            await until(lambda: made.tunnel.counters.active == 0)
            await asyncio.sleep(0.01)
            assert made.tunnel.pool.idle == idle
            again = await made.client()
            await made.talk(again)
            again.close()

    run(main())


@pytest.mark.parametrize("who", ["client", "edge"])
def test_a_break_ends_one_session_only(run, contexts, tls_keys, who):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            broken, other = await made.client(), await made.client()
            await made.talk(broken)
            await made.talk(other)
            if who == "client":
                reset(broken)
            else:
                next(link for link in made.links.live if link.in_session).close()
            await until(lambda: made.tunnel.counters.active == 1)
            for each in (broken, other, *made.databases):
                each.close()
            await until(lambda: made.tunnel.counters.active == 0)

    run(main())


def test_an_edge_that_stops_before_the_first_answer_costs_no_connection(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            made.gate.clear()
            client = await made.client()
            client.send(pgerror.SSL_REQUEST)
            await until(lambda: made.dials == 1)
            for link in tuple(made.links.live):
                link.cut(Reason.STOPPING)
            await until(lambda: made.dials == 2)
            made.gate.set()
            await until(lambda: made.databases)
            (database,) = made.databases
            loop = asyncio.get_running_loop()
            assert await loop.sock_recv(database, 100) == pgerror.SSL_REQUEST
            database.send(b"N")
            assert await loop.sock_recv(client, 100) == b"N"
            counters = made.tunnel.counters
            assert (counters.active, counters.total, counters.refused) == (1, 1, 0)
            assert made.said == []
            client.close()

    run(main())


def test_a_link_that_broke_unseen_costs_no_connection(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            for ready in made.tunnel.pool._idle:  # the news comes behind the client's first byte
                made.tunnel.loop.remove_reader(ready.tls.fileno())
            for link in tuple(made.links.live):
                link.close()
            client = await made.client()
            client.send(pgerror.SSL_REQUEST)
            await until(lambda: made.databases)
            made.databases[0].send(b"N")
            assert await asyncio.get_running_loop().sock_recv(client, 100) == b"N"
            client.close()

    run(main())


def test_a_client_that_ends_its_half_hears_the_answer_and_leaves_the_link(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            loop = asyncio.get_running_loop()
            await until(lambda: made.tunnel.pool.idle >= 4 and not made.tunnel.pool._dials)
            client = await made.client()
            client.send(pgerror.SSL_REQUEST)
            client.shutdown(socket.SHUT_WR)
            await until(lambda: made.databases)
            (database,) = made.databases
            assert await end(database.dup()) == pgerror.SSL_REQUEST
            for _ in range(3):
                await loop.sock_sendall(database, bytes(100_000))
                assert len(await exactly(client, 100_000)) == 100_000
            database.close()
            assert await end(client) == b""
            await until(lambda: made.tunnel.counters.active == 0)
            await until(lambda: made.tunnel.pool.idle == 5)  # with that which carried it
            assert not any(link.in_session for link in made.links.live)

    run(main())


@pytest.mark.parametrize("answered", [True, False])
def test_a_database_that_resets(run, contexts, tls_keys, answered):
    """Unanswered the session begins again once, and then its client is told."""

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            made.pair = tcp_pair
            client, other = await made.client(), await made.client()
            kept = await made.talk(other)
            client.send(pgerror.SSL_REQUEST)
            for number in (1, 2)[: 1 if answered else 2]:
                await until(lambda count=number: len(made.databases) > count)
                database = made.databases[-1]
                assert await asyncio.get_running_loop().sock_recv(database, 9)
                if answered:
                    database.send(b"N")
                    assert await asyncio.get_running_loop().sock_recv(client, 9) == b"N"
                reset(database)
            said = await end(client)
            assert (b"before the database answered" in said) is not answered
            assert made.dials == (2 if answered else 3)
            kept.send(b"goes on")
            assert await asyncio.get_running_loop().sock_recv(other, 9) == b"goes on"
            await until(lambda: made.tunnel.counters.active == 1)
            await until(lambda: [link.in_session for link in made.links.live].count(True) == 1)
            other.close()

    run(main())


def test_close_ends_everything(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            client = await made.client()
            await made.talk(client)
            made.tunnel.close()
            assert await end(client) == b""
            assert made.tunnel.pool.idle == 0
            assert made.tunnel.counters.active == 0
            await until(lambda: not made.links.live)

    run(main())


# --- who may, and what they hear ----------------------------------------------------------


def test_a_refusal_is_told_before_anyone_connects(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, user="mallory", preflight=False) as made:
            with pytest.raises(RefusedError) as caught:
                await made.tunnel.preflight()
            assert caught.value.reason is Reason.DENIED

    run(main())


def test_a_client_hears_why_in_postgresqls_words(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, user="mallory", preflight=False) as made:
            made.tunnel.listen()
            message, hint = EXPLANATIONS[Reason.DENIED]
            for _ in range(2):
                client = await made.client()
                client.send(struct.pack("!II", 8, 80877103))
                client.shutdown(socket.SHUT_WR)
                assert await end(client) == pgerror.fatal(message, hint)
            assert made.tunnel.counters.refused == 2
            assert made.tunnel.describe()["problem"] == message
            assert made.tunnel.describe()["hint"] == hint
            assert len(made.said) == 1

    run(main())


def test_another_users_process_is_refused(run, contexts, tls_keys, monkeypatch, caplog):
    monkeypatch.setattr(module, "is_mine", lambda _client: False)

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            client = await made.client()
            client.send(b"query")
            assert await end(client) == b""
            assert made.databases == []
            assert made.tunnel.counters.refused == 1

    run(main())
    assert "not yours" in caplog.text


def test_a_kernel_that_cannot_tell_lets_nobody_in(run, contexts, tls_keys, monkeypatch, caplog):
    def broken(_client: socket.socket) -> bool:
        raise OSError(errno.ENOBUFS, "no buffer")

    monkeypatch.setattr(module, "is_mine", broken)

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            assert await end(await made.client()) == b""

    run(main())
    assert "a local connection is lost: [Errno 105] no buffer" in caplog.text


def test_a_revocation_cuts_and_says_why_once(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            client = await made.client()
            await made.talk(client)
            for link in tuple(made.links.live):
                link.cut(Reason.REVOKED)
            assert await end(client) == b""
            await until(lambda: made.tunnel.pool.idle == 0)
            (said,) = made.said
            assert "your certificate is revoked" in said
            assert "hint: pgward login" in said

    run(main())


def test_a_problem_that_comes_back_is_said_again(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            for times in (1, 2):
                good = await made.client()
                database = await made.talk(good)
                good.close()
                assert await end(database) == b""
                await until(lambda: made.tunnel.counters.active == 0)
                cut = await made.client()
                await made.talk(cut)
                for link in tuple(made.links.live):
                    link.cut(Reason.REVOKED)
                assert await end(cut) == b""
                await until(lambda: made.tunnel.counters.active == 0)
                assert len(made.said) == times

    run(main())


# --- the certificate ----------------------------------------------------------------------


def test_a_renewal_uses_the_new_certificate_and_keeps_sessions(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            client = await made.client()
            database = await made.talk(client)
            old = {link.peer.serial for link in made.links.live}
            paths = made.session.paths
            made.session.paths = IdentityPaths(*tls_keys.issue(tls_keys.users, "alice"), paths.ca)
            made.session.renewals = [True]
            await made.tunnel.refresh()
            await until(lambda: made.tunnel.pool.idle >= 4)
            assert {link.peer.serial for link in made.links.live if not link.in_session} - old
            database.send(b"goes on")
            assert await asyncio.get_running_loop().sock_recv(client, 10) == b"goes on"
            client.close()

    run(main())


def test_a_session_that_is_over_is_said_once(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            made.session.renewals = [LoginNeededError(), LoginNeededError()]
            await made.tunnel.refresh()
            await made.tunnel.refresh()
            assert made.said == ["you are not logged in\nhint: pgward login"]
            made.session.renewals = [UnavailableError("away"), OSError("full")]
            await made.tunnel.refresh()
            await made.tunnel.refresh()
            assert len(made.said) == 1

    run(main())


def test_an_expired_certificate_is_renewed_when_somebody_connects(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, preflight=False) as made:
            made.session.not_after = datetime.now(UTC) - timedelta(minutes=1)
            made.session.renewals = [True]
            made.tunnel.listen()
            client = await made.client()
            await made.talk(client)
            assert made.session.renewals == []
            client.close()

    run(main())


def test_a_new_login_after_a_block_costs_no_connection(run, contexts, tls_keys):
    """The edge refuses the old certificate, which the tunnel still has; the new one is on disk."""

    async def main() -> None:
        async with world(contexts, tls_keys, user="mallory", preflight=False) as made:
            made.tunnel.listen()
            paths = made.session.paths

            def login() -> bool:
                made.session.paths = IdentityPaths(
                    *tls_keys.issue(tls_keys.users, "alice"), paths.ca
                )
                return True

            made.session.renewals = [login]
            clients = [await made.client() for _ in range(3)]
            for client in clients:
                client.send(pgerror.SSL_REQUEST)
            await until(lambda: len(made.databases) == 3)
            for database in made.databases:
                database.send(b"N")
            for client in clients:
                assert await asyncio.get_running_loop().sock_recv(client, 9) == b"N"
                client.close()
            assert (made.tunnel.counters.refused, made.said) == (0, [])

    run(main())


def test_links_of_an_expired_certificate_are_not_used(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            old = {link.peer.serial for link in made.links.live}
            made.session.not_after = datetime.now(UTC) - timedelta(seconds=1)

            def renew() -> bool:
                paths = made.session.paths
                made.session.paths = IdentityPaths(
                    *tls_keys.issue(tls_keys.users, "alice"), paths.ca
                )
                made.session.not_after += timedelta(hours=1)
                return True

            made.session.renewals = [renew]
            client = await made.client()
            await made.talk(client)
            (used,) = [link.peer.serial for link in made.links.live if link.in_session]
            assert used not in old
            client.close()

    run(main())


def test_an_edge_that_moved_is_found(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, preflight=False) as made:
            with socket.socket() as nobody:
                nobody.bind(("127.0.0.1", 0))
                right = made.tunnel.service
                gone = EdgeInfo("e0", Address(*nobody.getsockname()), EDGE_NAME)
                made.tunnel.service = replace(right, edges=(gone,))
                made.session.known = [right]
                made.tunnel.listen()
                clients = [await made.client() for _ in range(5)]
                for client in clients:
                    client.send(pgerror.SSL_REQUEST)
                await until(lambda: len(made.databases) == 5)
                assert (made.session.asked, made.tunnel.counters.refused) == (1, 0)
                for client in clients:
                    client.close()

    run(main())


@pytest.mark.parametrize("known", [UnavailableError("away"), [], None])
def test_the_ca_is_asked_for_edges_now_and_then_only(run, contexts, tls_keys, known):
    async def main() -> None:
        async with world(contexts, tls_keys, preflight=False) as made:
            with socket.socket() as nobody:
                nobody.bind(("127.0.0.1", 0))
                gone = EdgeInfo("e0", Address(*nobody.getsockname()), EDGE_NAME)
                made.tunnel.service = replace(made.tunnel.service, edges=(gone,))
                made.session.known = [made.tunnel.service] if known is None else known
                made.tunnel.listen()
                for _ in range(3):
                    client = await made.client()
                    client.send(pgerror.SSL_REQUEST)
                    assert b"no connection to the edge" in await end(client)
                assert (made.session.asked, made.tunnel.counters.refused) == (1, 3)

    run(main())


def test_a_refusal_with_nothing_new_asks_the_edge_once(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, user="mallory", preflight=False) as made:
            refused: list[str] = []
            made.tunnel.pool.spare = 0
            made.door.refused = lambda _address, user, _why: refused.append(user)
            made.tunnel.listen()
            client = await made.client()
            client.send(pgerror.SSL_REQUEST)
            await end(client)
            assert refused == ["mallory"]
            assert made.session.asked == 0

    run(main())


# --- clocks and sleep ---------------------------------------------------------------------


@asynccontextmanager
async def checked(made: World, monkeypatch):
    """Let the tunnel look after itself, many times a second."""
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.01)
    fresh = asyncio.ensure_future(made.tunnel.keep_fresh())
    try:
        yield
    finally:
        fresh.cancel()
        await asyncio.wait({fresh})


async def checks(made: World, count: int = 2) -> None:
    """Wait until the tunnel has looked so often."""
    made.session.renewals = [False] * count
    await until(lambda: not made.session.renewals)


def test_after_a_sleep_links_are_made_anew_and_sessions_go_on(run, contexts, tls_keys, monkeypatch):
    async def main() -> None:
        clock = MovableClock(datetime.now(UTC))
        async with world(contexts, tls_keys, clock=clock) as made, checked(made, monkeypatch):
            client = await made.client()
            database = await made.talk(client)
            await until(lambda: made.tunnel.pool.idle >= 4 and not made.tunnel.pool._dials)
            old = list(made.tunnel.pool._idle)
            await checks(made)
            assert list(made.tunnel.pool._idle) == old
            clock.move(minutes=30)
            await until(lambda: all(link.tls.fileno() == -1 for link in old))
            await until(lambda: made.tunnel.pool.idle >= 4)
            database.send(b"goes on")
            assert await asyncio.get_running_loop().sock_recv(client, 9) == b"goes on"
            assert made.said == []
            client.close()

    run(main())


def test_a_clock_that_jumps_a_day_and_back_costs_no_connection(
    run, contexts, tls_keys, monkeypatch
):
    """The edge, whose clock is right, decides."""

    async def main() -> None:
        clock = MovableClock(datetime.now(UTC))
        async with world(contexts, tls_keys, clock=clock) as made, checked(made, monkeypatch):
            running = await made.client()
            database = await made.talk(running)
            for days in (1, -1, -1, 1):
                clock.move(days=days)
                if days == 1:
                    made.session.renewals = [LoginNeededError(), LoginNeededError()]
                client = await made.client()
                await made.talk(client)
                client.close()
                await checks(made)
                database.send(b"goes on")
                assert await asyncio.get_running_loop().sock_recv(running, 9) == b"goes on"
            assert made.tunnel.counters.refused == 0
            assert {line.partition("\n")[0] for line in made.said} == {"you are not logged in"}
            running.close()

    run(main())


# --- this machine -------------------------------------------------------------------------


def test_no_descriptors_left_is_a_pause(run, contexts, tls_keys, monkeypatch, caplog):
    """Without it the loop would spin: the listener stays readable."""
    monkeypatch.setattr(module, "ACCEPT_PAUSE", 0.02)

    class Starved:
        def __init__(self, real: socket.socket) -> None:
            self.real, self.calls = real, 0
            self.fileno, self.close = real.fileno, real.close
            self.setblocking, self.getsockname = real.setblocking, real.getsockname

        def accept(self):
            self.calls += 1
            if self.calls == 1:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return self.real.accept()

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            made.tunnel.listener = starved = Starved(made.tunnel.listener)
            client = await made.client()
            await until(lambda: starved.calls == 1)
            await made.talk(client)
            client.close()

    run(main())
    assert caplog.text.count("cannot accept a connection") == 1


def test_what_status_shows(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            facts = made.tunnel.describe()
            assert (facts["active"], facts["problem"]) == (0, None)
            assert facts["ready_links"] == made.tunnel.pool.idle

    run(main())
