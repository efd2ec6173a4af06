"""An edge's door: every kind of client over real TCP, and what each is told."""

import asyncio
import errno
import os
import socket
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.address import Address
from pgward.core.clock import SystemClock
from pgward.pki.crl import RevocationList, key_id
from pgward.tunnel import pgerror, preface
from pgward.tunnel.edge.accept import MAKE_ROOM, Door
from pgward.tunnel.edge.sessions import Links
from pgward.tunnel.edge.state import EdgeState, Service
from pgward.tunnel.preface import Reason, RefusedError
from pgward.tunnel.tls import TlsConnection, handshake, read_line, write_all
from tests.fixtures.links import EDGE_NAME, unix_pair


def service(name: str, *users: str) -> Service:
    return Service(name, Address("db", 5432), frozenset(users), frozenset())


@dataclass
class Edge:
    """A door that listens, and everyone whom it refused."""

    keys: object
    tunnel: ssl.SSLContext
    door: Door
    address: tuple[str, int]
    refused: list[tuple[str | None, Reason, str]]
    databases: list[socket.socket] = field(default_factory=list)

    async def dial(self, upstream: Address) -> socket.socket:
        assert upstream.host == "db"
        database, ours = unix_pair()
        self.databases.append(database)
        return ours

    async def connect(self) -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, self.address)
        return sock

    async def tls(self, context=None, name: str = EDGE_NAME, sock=None) -> TlsConnection:
        below = sock or await self.connect()
        return await handshake(below, context or self.tunnel, server_hostname=name)

    def plain(self, *alpn: str) -> ssl.SSLContext:
        """The context of a client that is no tunnel of ours."""
        context = self.keys.tunnel_context()
        if alpn:
            context.set_alpn_protocols(alpn)
        else:
            other = ssl.create_default_context(cafile=self.keys.server_roots)
            other.load_cert_chain(*self.keys.issue(self.keys.users, "alice"))
            return other
        return context


@asynccontextmanager
async def edge(contexts, keys, **options):
    issuer = key_id(keys.users.certificate)
    links = Links(asyncio.get_running_loop(), None, SystemClock())
    links.state = EdgeState(
        version=1,
        user_roots="",
        services={"orders": service("orders", "alice"), "secret": service("secret", "bob")},
        groups={},
        blocked=frozenset(),
        revocations=RevocationList({issuer: frozenset()}, datetime.now(UTC) + timedelta(days=1)),
    )
    refused: list[tuple[str | None, Reason, str]] = []
    door = Door(
        links,
        context=options.pop("context", lambda: contexts[0]),
        refused=lambda _a, user, why: refused.append((user, why.reason, why.message)),
        **options,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        door.listen(listener)
        made = Edge(keys, contexts[1], door, listener.getsockname(), refused)
        links.dialer = made
        try:
            yield made
        finally:
            links.loop.remove_reader(listener.fileno())
            for task in tuple(door.tasks):
                task.cancel()
            if door.tasks:
                await asyncio.wait(door.tasks)
            for link in tuple(links.live):
                link.close()
            for database in made.databases:
                database.close()


async def rest(sock: socket.socket) -> bytes:
    """Return what an edge still says on a plain socket; a reset counts as the end."""
    received = b""
    try:
        while chunk := await asyncio.get_running_loop().sock_recv(sock, 4096):
            received += chunk
    except ConnectionError:
        pass
    sock.close()
    return received


# --- tunnels ------------------------------------------------------------------------------


def test_a_tunnel_names_its_service_and_is_let_in(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            tls = await made.tls()
            await write_all(tls, preface.request("orders"))
            controls = preface.read_answer(await read_line(tls, preface.MAX_LINE))
            (link,) = made.door.links.live
            assert (link.peer.user, link.service) == ("alice", "orders")
            tls.write(b"query")
            while not made.databases:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
            got = await asyncio.get_running_loop().sock_recv(made.databases[0], 10)
            assert got == b"query"
            link.cut(Reason.BLOCKED)
            assert controls.reason(await read_line(tls, 100)) is Reason.BLOCKED
            tls.close()
        assert made.refused == []

    run(main())


@pytest.mark.parametrize("name", ["secret", "nowhere", "../orders", "or\0ders", "\ud800"])
def test_what_is_not_there_and_what_is_for_others_sound_alike(run, contexts, tls_keys, name):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            tls = await made.tls()
            await write_all(tls, preface.request(name))
            with pytest.raises(RefusedError) as caught:
                preface.read_answer(await read_line(tls, preface.MAX_LINE))
            text, hint = preface.EXPLANATIONS[Reason.DENIED]
            assert (caught.value.reason, caught.value.message, caught.value.hint) == (
                Reason.DENIED,
                text,
                hint,
            )
            tls.close()
        assert made.refused == [("alice", Reason.DENIED, text)]

    run(main())


@pytest.mark.parametrize("line", [b"hello\n", b"{}\n", b'{"service":"orders"}', b"x" * 5000])
def test_a_tunnel_that_speaks_nonsense(run, contexts, tls_keys, line):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            tls = await made.tls()
            await write_all(tls, line)
            with pytest.raises((preface.PrefaceError, OSError)):
                await read_line(tls, preface.MAX_LINE)
            assert made.door.links.live == set()
            tls.close()

    run(main())


def test_a_drain_and_a_missing_configuration_are_told(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            for draining, reason in ((True, Reason.STOPPING), (False, Reason.STALE)):
                made.door.links.draining = draining
                made.door.links.state = None
                tls = await made.tls()
                await write_all(tls, preface.request("orders"))
                with pytest.raises(RefusedError) as caught:
                    preface.read_answer(await read_line(tls, preface.MAX_LINE))
                assert caught.value.reason is reason
                tls.close()

    run(main())


# --- other TLS clients --------------------------------------------------------------------


@pytest.mark.parametrize("alpn", [(), ("postgresql",)])
def test_sni_names_the_service(run, contexts, tls_keys, alpn):
    async def main() -> None:
        async with edge(contexts, tls_keys, domains=("edge.test",)) as made:
            tls = await made.tls(made.plain(*alpn), "orders.edge.test")
            tls.write(b"startup")
            while not made.databases:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
            tls.close()

    run(main())


def test_a_service_in_sni_that_is_for_others(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys, domains=("edge.test",)) as made:
            tls = await made.tls(made.plain(), "secret.edge.test")
            text, hint = preface.EXPLANATIONS[Reason.DENIED]
            assert await read_line(tls, 1000) == pgerror.fatal(text, hint)
            tls.close()

    run(main())


def test_a_client_that_names_none(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            tls = await made.tls(made.plain())
            assert b"cannot tell which service you want" in await read_line(tls, 1000)
            tls.close()
        async with edge(contexts, tls_keys, default_service="orders") as made:
            tls = await made.tls(made.plain())
            tls.write(b"startup")
            while not made.databases:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
            tls.close()

    run(main())


def test_ssl_request_and_gssenc_request_byte_by_byte(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys, default_service="orders") as made:
            sock = await made.connect()
            loop = asyncio.get_running_loop()
            for request, answer in (
                (pgerror.GSSENC_REQUEST, b"N"),
                (pgerror.SSL_REQUEST, b"S"),
            ):
                for byte in request:
                    await loop.sock_sendall(sock, bytes([byte]))
                    await asyncio.sleep(0.001)
                assert await loop.sock_recv(sock, 10) == answer
            tls = await made.tls(made.plain(), sock=sock)
            tls.write(b"startup")
            while not made.databases:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
            tls.close()

    run(main())


def test_a_tls_failure_is_recorded(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            bare = ssl.create_default_context(cafile=tls_keys.server_roots)
            tls = await made.tls(bare)
            with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
                await read_line(tls, 100)
            tls.close()
            while made.door.tasks:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
        ((user, reason, message),) = made.refused
        assert (user, reason) == (None, Reason.DENIED)
        assert message.startswith("TLS: ")

    run(main())


# --- what is no client --------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x80" * 500,
        b"\0\0\0\x2f\0\x03\0\0user\0alice\0\0",
        b"\x16\x03garbage",
    ],
)
def test_what_is_no_tls_is_closed(run, contexts, tls_keys, said):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            sock = await made.connect()
            await asyncio.get_running_loop().sock_sendall(sock, said)
            sock.shutdown(socket.SHUT_WR)
            answer = await rest(sock)
            assert (b"speaks TLS only" in answer) == said.startswith(b"\0")
            while made.door.tasks:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
        assert made.door.links.live == set()

    run(main())


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\0\0\0", b"\0"])
def test_a_silent_client_is_closed_in_time_and_delays_nobody(run, contexts, tls_keys, said):
    async def main() -> None:
        async with edge(contexts, tls_keys, timeout=0.3) as made:
            silent = [await made.connect() for _ in range(20)]
            for sock in silent:
                await asyncio.get_running_loop().sock_sendall(sock, said)
            tls = await made.tls()
            await write_all(tls, preface.request("orders"))
            preface.read_answer(await read_line(tls, preface.MAX_LINE))
            assert len(made.door.tasks) == 20
            answers = await asyncio.gather(*(rest(sock) for sock in silent))
            assert answers == [b""] * 20
            tls.close()

    run(main())


def test_a_tunnel_that_names_nothing_is_closed_in_time(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys, timeout=0.1) as made:
            tls = await made.tls()
            with pytest.raises((preface.PrefaceError, OSError)):
                await read_line(tls, 100)
            tls.close()

    run(main())


@pytest.mark.parametrize("alpn", [(), ("postgresql",)])
def test_a_client_that_says_nothing_inside_tls_is_closed_in_time(run, contexts, tls_keys, alpn):
    """A tunnel's link says nothing either, and stays: it waits ready for a session."""

    async def main() -> None:
        async with edge(contexts, tls_keys, default_service="orders", timeout=0.3) as made:
            link = await made.tls()
            await write_all(link, preface.request("orders"))
            preface.read_answer(await read_line(link, preface.MAX_LINE))
            tls = await made.tls(made.plain(*alpn))
            with pytest.raises(preface.PrefaceError, match="closed"):
                await read_line(tls, 100)
            assert made.door.tasks == {}
            assert len(made.door.links.live) == 1
            link.write(b"startup")
            while not made.databases:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
            for each in (tls, link):
                each.close()

    run(main())


@pytest.mark.parametrize("after", [0, 1, 8])
def test_a_client_that_resets(run, contexts, tls_keys, after):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            sock = await made.connect()
            await asyncio.get_running_loop().sock_sendall(sock, pgerror.SSL_REQUEST[:after])
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.close()
            await asyncio.sleep(0.01)
            while made.door.tasks:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)

    run(main())


# --- limits -------------------------------------------------------------------------------


def test_strangers_who_say_nothing_keep_nobody_out(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys, max_connections=3, timeout=60) as made:
            silent = [await made.connect() for _ in range(8)]
            tls = await made.tls()
            await write_all(tls, preface.request("orders"))
            preface.read_answer(await read_line(tls, preface.MAX_LINE))
            for oldest in silent[:6]:
                assert await rest(oldest) == b""
            assert len(made.door.tasks) == 2
            for sock in silent[6:]:
                sock.close()
            tls.close()

    run(main())


def test_one_link_too_many_is_turned_away(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys, max_connections=2) as made:

            async def enter(tls: TlsConnection) -> None:
                await write_all(tls, preface.request("orders"))
                preface.read_answer(await read_line(tls, preface.MAX_LINE))

            first = await made.tls()
            await enter(first)
            second, third = await made.tls(), await made.tls()
            await enter(second)
            with pytest.raises(RefusedError, match="all its connections in use") as caught:
                await enter(third)
            assert caught.value.reason is Reason.LIMIT
            assert await rest(await made.connect()) == b""
            for tls in (first, second, third):
                tls.close()

    run(main())


def test_one_person_cannot_take_the_places_of_others(run, contexts, tls_keys):
    """Links without a session count, and one that is closed makes room."""

    async def main() -> None:
        async with edge(contexts, tls_keys, default_service="orders", max_per_user=2) as made:

            async def enter(service: str, context=None) -> TlsConnection:
                tls = await made.tls(context)
                opened.append(tls)
                await write_all(tls, preface.request(service))
                preface.read_answer(await read_line(tls, preface.MAX_LINE))
                return tls

            opened: list[TlsConnection] = []
            first = await enter("orders")
            await enter("orders")
            message = "you have all your 2 connections to this edge in use"
            with pytest.raises(RefusedError, match=message) as caught:
                await enter("orders")
            assert caught.value.reason is Reason.LIMIT
            plain = await made.tls(made.plain())
            assert message.encode() in await read_line(plain, 1000)
            await enter("secret", tls_keys.tunnel_context("bob"))
            first.close()
            while made.door.links.by_user["alice"] > 1:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)
            await enter("orders")
            for tls in (*opened, plain):
                tls.close()
        assert made.refused == [("alice", Reason.LIMIT, message)] * 2
        assert made.door.links.by_user == {}

    run(main())


def test_no_descriptors_left_is_a_pause(run, contexts, tls_keys, caplog):
    class Starved:
        """A listener of a process without descriptors, the first time."""

        def __init__(self, real: socket.socket) -> None:
            self.real, self.calls = real, 0

        def fileno(self) -> int:
            return self.real.fileno()

        def accept(self):
            self.calls += 1
            if self.calls <= 2:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return self.real.accept()

    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            with socket.create_server(("127.0.0.1", 0)) as real:
                real.setblocking(False)
                starved = Starved(real)
                made.door.listen(starved)
                sock = await replace(made, address=real.getsockname()).connect()
                while starved.calls < 3:  # noqa: ASYNC110 - it tries again by itself
                    await asyncio.sleep(0.01)
                made.door.links.loop.remove_reader(real.fileno())
                sock.close()

    run(main())
    # Told once, and not at every try.
    assert caplog.text.count("cannot accept a connection") == 1


def test_without_descriptors_several_that_say_nothing_go_at_once(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            never = asyncio.Event()
            tasks = [asyncio.create_task(never.wait()) for _ in range(MAKE_ROOM + 4)]
            made.door.tasks = dict.fromkeys(tasks)
            made.door._make_room(OSError(errno.EPROTO, "not a matter of room"))
            assert len(made.door.tasks) == MAKE_ROOM + 4
            made.door._make_room(OSError(errno.ENFILE, os.strerror(errno.ENFILE)))
            assert list(made.door.tasks) == tasks[-4:]
            await asyncio.sleep(0)
            assert [task.cancelled() for task in tasks] == [True] * MAKE_ROOM + [False] * 4
            for task in tasks[-4:]:
                task.cancel()
            made.door.tasks.clear()

    run(main())


def test_a_door_without_a_context_yet(run, contexts, tls_keys):
    def none() -> ssl.SSLContext:
        raise RefusedError(Reason.STALE, "the edge has no configuration yet")

    async def main() -> None:
        async with edge(contexts, tls_keys, context=none) as made:
            with pytest.raises(OSError, match=r".+"):
                await made.tls()

    run(main())
