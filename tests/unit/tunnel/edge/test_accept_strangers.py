import asyncio
import errno
import os
import socket
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from pgward.pgwire import startup
from pgward.tunnel import preface
from pgward.tunnel.edge.accept import MAKE_ROOM, MOST_TOLD
from pgward.tunnel.edge.cancels import Cancels
from pgward.tunnel.edge.limits import Allowance, Descriptors
from pgward.tunnel.preface import Reason, RefusedError
from pgward.tunnel.tls import TlsConnection, read_line, read_some, write_all
from tests.fixtures.accepting import edge
from tests.fixtures.links import unix_pair
from tests.fixtures.sockets import rest

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
            await asyncio.get_running_loop().sock_sendall(sock, startup.ssl_request()[:after])
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
            for tls in (first, second, third):
                tls.close()

    run(main())


class Asked(Cancels):
    """Keeps what it was asked to cancel."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, bytes]] = []

    async def request(self, pid: int, key: bytes) -> None:
        self.asked.append((pid, key))


FULL = "the edge has all its connections in use"


@asynccontextmanager
async def full(contexts, keys, **options):
    """An edge that has room for nobody more: its one connection is somebody's."""
    async with edge(contexts, keys, max_connections=1, **options) as made:
        tls = await made.tls()
        await write_all(tls, preface.request("orders"))
        preface.read_answer(await read_line(tls, preface.MAX_LINE))
        yield made
        tls.close()


def test_a_client_hears_that_an_edge_is_full(run, contexts, tls_keys, caplog):
    async def main() -> None:
        async with full(contexts, tls_keys, default_service="orders") as made:
            for _ in range(3):
                sock = await made.connect()
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(sock, startup.ssl_request())
                assert await loop.sock_recv(sock, 10) == b"S"
                tls = await made.tls(made.plain(), sock=sock)
                await write_all(tls, startup.startup({"user": "alice"}))
                said = await read_line(tls, 1000)
                assert b"C53300\0" in said
                assert FULL.encode() in said
                tls.close()
        assert made.refused == [("alice", Reason.LIMIT, FULL)] * 3

    run(main())
    assert caplog.text.count("at 1 connections: more are refused") == 1


def test_a_full_edge_cancels_what_runs(run, contexts, tls_keys):
    async def main() -> None:
        cancels = Asked()
        async with full(contexts, tls_keys, default_service="orders", cancels=cancels) as made:
            tls = await made.tls(made.plain())
            await write_all(tls, startup.cancel(7, b"keys"))
            assert await read_some(tls, 1000) == b""
            tls.close()
            sock = await made.connect()
            await asyncio.get_running_loop().sock_sendall(sock, startup.cancel(8, b"keys"))
            assert await rest(sock) == b""
        assert (cancels.asked, made.refused) == ([(7, b"keys"), (8, b"keys")], [])

    run(main())


def test_descriptors_that_the_edge_keeps_are_nobodys(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys, default_service="orders") as made:
            made.door.links.descriptors = Descriptors(0)
            tls = await made.tls(made.plain())
            await write_all(tls, startup.startup({"user": "alice"}))
            said = await read_line(tls, 1000)
            assert b"C53300\0" in said
            assert b"the edge has all its file descriptors in use" in said
            tls.close()
            tls = await made.tls()
            await write_all(tls, preface.request("orders"))
            with pytest.raises(RefusedError, match="file descriptors") as caught:
                preface.read_answer(await read_line(tls, preface.MAX_LINE))
            assert caught.value.reason is Reason.LIMIT
            tls.close()

    run(main())


def test_more_than_a_few_hear_nothing_at_a_full_edge(run, contexts, tls_keys):
    async def main() -> None:
        met = []
        async with full(contexts, tls_keys, met=met.append, words=Allowance(2, 0.0)) as made:
            for number in range(4):
                sock = await made.connect()
                loop = asyncio.get_running_loop()
                try:
                    await loop.sock_sendall(sock, startup.ssl_request())
                    said = await loop.sock_recv(sock, 10)
                except (ConnectionResetError, BrokenPipeError):
                    said = b""
                assert said == (b"S" if number < 2 else b"")
                sock.close()
        assert met.count("refused") == 2

    run(main())


def test_silent_clients_at_a_full_edge_are_few(run, contexts, tls_keys):
    async def main() -> None:
        async with full(contexts, tls_keys, words=Allowance(1000, 0.0)) as made:
            silent = [await made.connect() for _ in range(MOST_TOLD + 5)]
            for oldest in silent[:5]:
                assert await rest(oldest) == b""
            assert len(made.door.tasks) == MOST_TOLD
            for sock in silent[5:]:
                sock.close()

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
            message = "you use 2 of 2 connections to this edge"
            with pytest.raises(RefusedError, match=message) as caught:
                await enter("orders")
            assert caught.value.reason is Reason.LIMIT
            plain = await made.tls(made.plain())
            await write_all(plain, startup.startup({"user": "alice"}))
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
            leaving, client = unix_pair()
            made.door.links.lingering.close(leaving)
            made.door._make_room(OSError(errno.EPROTO, "not a matter of room"))
            assert len(made.door.tasks) == MAKE_ROOM + 4
            assert leaving.fileno() != -1
            made.door._make_room(OSError(errno.ENFILE, os.strerror(errno.ENFILE)))
            assert list(made.door.tasks) == tasks[-4:]
            assert leaving.fileno() == -1
            client.close()
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
