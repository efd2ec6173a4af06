"""Connections over real TLS links, with an owner and edges that a test plays."""

import asyncio
import socket
import ssl
import struct
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from pgward.core.errors import PgwardError, UnavailableError
from pgward.pgwire.startup import ssl_request
from pgward.tunnel.local.connection import LocalConnection
from pgward.tunnel.local.pool import ReadyLink
from pgward.tunnel.preface import CONTROL_SIZE, Controls, Reason, RefusedError
from pgward.tunnel.tls import TlsConnection
from tests.fixtures.links import reset, tcp_pair, tls_pair, unix_pair

STARTUP = struct.pack("!II", 8 + 12, 3 << 16) + b"user\0alice\0\0"
QUERY = b"Q" + struct.pack("!I", 13) + b"select 1\0"


@dataclass
class EdgeEnd:
    """The edge's end of one link."""

    tls: TlsConnection
    controls: Controls

    async def read(self) -> bytes:
        buffer = bytearray(65536)
        while True:
            with suppress(ssl.SSLWantReadError):
                return bytes(buffer[: self.tls.read_into(65536, buffer)])
            await asyncio.sleep(0)

    def fail(self, how: str) -> None:
        """End the link as an edge that stops does, wants a newer certificate, or is killed."""
        if how in ("stopping", "expired"):
            self.tls.write(self.controls.cut(Reason[how.upper()]))
        self.tls.close(notify=how != "killed")


@dataclass
class Owner:
    """Plays the tunnel: gives out links in order, and keeps what it is told."""

    contexts: tuple
    ready: deque[ReadyLink] = field(default_factory=deque)
    made: list[EdgeEnd] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    trouble: PgwardError | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    turned_away: list[PgwardError] = field(default_factory=list)
    breaks: bool = False
    endings: list[tuple[bool, Reason | None]] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def new(self) -> ReadyLink:
        edge, tunnel = await tls_pair(self.contexts, tcp_pair())
        controls = Controls.new()
        self.made.append(EdgeEnd(edge, controls))
        return ReadyLink(tunnel, controls, 0)

    def take(self) -> ReadyLink | None:
        self.asked.append("take")
        return self.ready.popleft() if self.ready else None

    async def find(self, *, fresh: bool) -> ReadyLink:
        self.asked.append("fresh" if fresh else "wait")
        await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        return await self.new()

    async def turn_away(self, client: socket.socket, error: PgwardError) -> None:
        if self.breaks:
            raise BrokenPipeError("the terminal is gone")
        self.turned_away.append(error)
        client.close()

    def leave(self, client: socket.socket) -> None:
        client.close()

    def ended(
        self, connection: LocalConnection, *, clean: bool, refusal: RefusedError | None
    ) -> None:
        assert clean == (connection.link is not None and connection.link.tls.fileno() != -1)
        self.endings.append((clean, refusal.reason if refusal else None))
        self.over.set()
        if clean:
            connection.link.tls.close()


@dataclass
class Bench:
    client: socket.socket
    owner: Owner
    connection: LocalConnection

    async def end(self) -> bytes:
        """Return what the client still hears."""
        return await asyncio.get_running_loop().sock_recv(self.client, 4096)

    async def link(self, number: int) -> EdgeEnd:
        while len(self.owner.made) <= number:  # noqa: ASYNC110 - nobody has an event for it
            await asyncio.sleep(0)
        return self.owner.made[number]


@asynccontextmanager
async def bench(contexts, *, ready: int = 1, tcp: bool = False):
    owner = Owner(contexts)
    owner.gate.set()
    for _ in range(ready):
        owner.ready.append(await owner.new())
    accepted, client = tcp_pair() if tcp else unix_pair()
    made = Bench(client, owner, LocalConnection(asyncio.get_running_loop(), accepted, owner))
    try:
        yield made
    finally:
        made.connection.close()
        await asyncio.sleep(0)
        client.close()
        for each in (*owner.made, *owner.ready):
            each.tls.close(notify=False)


# --- without trouble ----------------------------------------------------------------------


@pytest.mark.parametrize("first", [ssl_request(), STARTUP, QUERY])
@pytest.mark.parametrize("ready", [0, 1])
def test_a_session(run, contexts, first, ready):
    async def main() -> None:
        async with bench(contexts, ready=ready) as made:
            made.client.send(first)
            edge = await made.link(0)
            assert await edge.read() == first
            edge.tls.write(b"answer")
            assert await made.end() == b"answer"
            made.client.send(b"more")
            assert await edge.read() == b"more"
            made.client.shutdown(socket.SHUT_WR)
            assert await edge.read() == edge.controls.end
            edge.tls.write(edge.controls.end)
            assert await made.end() == b""
            await made.owner.over.wait()
            assert made.owner.endings == [(True, None)]
            assert made.owner.asked == (["take"] if ready else ["take", "wait"])

    run(main())


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_says_nothing_takes_no_link(run, contexts, how):
    async def main() -> None:
        async with bench(contexts, tcp=True) as made:
            (reset if how == "reset" else socket.socket.close)(made.client)
            await made.owner.over.wait()
            assert (made.owner.asked, made.owner.endings) == ([], [(False, None)])

    run(main())


@pytest.mark.parametrize("more", [QUERY, b""])
def test_what_the_client_says_before_an_answer_goes_on(run, contexts, more):
    """A cancel request, after which a client may leave at once, is one without more."""

    async def main() -> None:
        async with bench(contexts) as made:
            made.client.send(STARTUP)
            edge = await made.link(0)
            assert await edge.read() == STARTUP
            if more:
                made.client.send(more)
                assert await edge.read() == more
            made.client.shutdown(socket.SHUT_WR)
            assert await edge.read() == edge.controls.end
            edge.tls.write(b"last words")
            edge.tls.write(edge.controls.end)
            assert await made.end() == b"last words"
            assert await made.end() == b""

    run(main())


def test_a_database_that_ends_without_an_answer(run, contexts):
    """As it does after a cancel request: that is an end, and no reason to begin again."""

    async def main() -> None:
        async with bench(contexts) as made:
            made.client.send(STARTUP)
            edge = await made.link(0)
            assert await edge.read() == STARTUP
            edge.tls.write(edge.controls.end)
            assert await made.end() == b""
            made.client.close()
            assert await edge.read() == edge.controls.end
            await made.owner.over.wait()
            assert made.owner.endings == [(False, None)]
            assert made.owner.asked == ["take"]

    run(main())


# --- links that break before the answer ---------------------------------------------------

HOW = ["stopping", "expired", "closed", "killed"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_link_that_ends_unanswered_is_replaced(run, contexts, how, when):
    async def main() -> None:
        async with bench(contexts) as made:
            first = await made.link(0)
            if when == "before":
                first.fail(how)
            made.client.send(ssl_request())
            if when == "after":
                assert await first.read() == ssl_request()
                first.fail(how)
            edge = await made.link(1)
            assert await edge.read() == ssl_request()
            edge.tls.write(b"S")
            assert await made.end() == b"S"
            made.client.send(b"hello")
            assert await edge.read() == b"hello"
            assert made.owner.asked == ["take", "fresh"]
            assert (made.owner.endings, made.owner.turned_away) == ([], [])

    run(main())


@pytest.mark.parametrize("how", HOW)
def test_a_second_break_is_told(run, contexts, how):
    async def main() -> None:
        async with bench(contexts) as made:
            made.client.send(ssl_request())
            for number in (0, 1):
                edge = await made.link(number)
                assert await edge.read() == ssl_request()
                edge.fail(how)
            assert await made.end() == b""
            await made.owner.over.wait()
            (error,) = made.owner.turned_away
            expected = {
                "stopping": "the edge is stopping",
                "expired": "your certificate has expired",
            }
            broken = "the edge ended the connection before the database answered"
            assert error.message == expected.get(how, broken)
            assert made.owner.endings == [(False, None)]
            assert made.owner.asked == ["take", "fresh"]

    run(main())


def test_no_other_edge_answers(run, contexts):
    async def main() -> None:
        async with bench(contexts) as made:
            made.owner.trouble = UnavailableError("nobody there")
            made.client.send(ssl_request())
            (await made.link(0)).fail("stopping")
            assert await made.end() == b""
            await made.owner.over.wait()
            assert made.owner.turned_away == [made.owner.trouble]

    run(main())


@pytest.mark.parametrize("said", [QUERY, ssl_request() + QUERY, b"x" * 40_000])
def test_what_cannot_be_said_twice_is_not(run, contexts, said):
    async def main() -> None:
        async with bench(contexts) as made:
            made.client.send(said)
            edge = await made.link(0)
            received = await edge.read()
            while len(received) < len(said):
                received += await edge.read()
            assert received == said
            edge.fail("stopping")
            assert await made.end() == b""
            await made.owner.over.wait()
            assert made.owner.endings == [(False, Reason.STOPPING)]
            assert made.owner.asked == ["take"]

    run(main())


@pytest.mark.parametrize("who", ["edge", "client"])
def test_after_a_byte_from_either_end_it_is_too_late(run, contexts, who):
    async def main() -> None:
        async with bench(contexts) as made:
            made.client.send(STARTUP)
            edge = await made.link(0)
            assert await edge.read() == STARTUP
            if who == "edge":
                edge.tls.write(b"R")
                assert await made.end() == b"R"
            else:
                made.client.send(QUERY)
                assert await edge.read() == QUERY
            edge.fail("stopping")
            assert await made.end() == b""
            await made.owner.over.wait()
            assert made.owner.endings == [(False, Reason.STOPPING)]
            assert made.owner.asked == ["take"]

    run(main())


def test_a_cut_with_another_reason_is_final(run, contexts):
    async def main() -> None:
        async with bench(contexts) as made:
            made.client.send(STARTUP)
            edge = await made.link(0)
            edge.tls.write(edge.controls.cut(Reason.BLOCKED))
            assert await made.end() == b""
            await made.owner.over.wait()
            assert made.owner.endings == [(False, Reason.BLOCKED)]
            assert made.owner.asked == ["take"]

    run(main())


def test_an_answer_of_a_controls_size_is_data(run, contexts):
    async def main() -> None:
        async with bench(contexts) as made:
            made.client.send(STARTUP)
            (await made.link(0)).tls.write(b"x" * CONTROL_SIZE)
            assert await made.end() == b"x" * CONTROL_SIZE

    run(main())


# --- ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [None, "wait", "fresh"])
def test_a_close_without_a_link_leaves_nothing_open(run, contexts, wanted):
    async def main() -> None:
        async with bench(contexts, ready=wanted == "fresh") as made:
            made.owner.gate.clear()
            if wanted is not None:
                made.client.send(STARTUP)
            if wanted == "fresh":
                (await made.link(0)).fail("stopping")
            while made.owner.asked[1:] != ([wanted] if wanted else []):  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)
            made.connection.close()
            assert await made.end() == b""
            assert made.owner.endings == []
            made.connection.close()

    run(main())


@pytest.mark.parametrize("answered", [True, False])
def test_a_close_with_a_link_leaves_nothing_open(run, contexts, answered):
    async def main() -> None:
        async with bench(contexts) as made:
            made.client.send(STARTUP)
            edge = await made.link(0)
            assert await edge.read() == STARTUP
            if answered:
                edge.tls.write(b"R")
                assert await made.end() == b"R"
            made.connection.close()
            assert await made.end() == b""
            assert await edge.read() == b""
            assert made.owner.endings == []
            made.connection.close()

    run(main())


def test_a_client_is_told_what_no_link_could_be_found_for(run, contexts):
    async def main() -> None:
        async with bench(contexts, ready=0) as made:
            made.owner.trouble = RefusedError(Reason.BLOCKED)
            made.client.send(STARTUP)
            await made.owner.over.wait()
            assert made.owner.turned_away == [made.owner.trouble]

    run(main())


@pytest.mark.parametrize("where", ["find", "turn_away"])
def test_an_owner_that_breaks_ends_the_connection(run, contexts, caplog, where):
    async def main() -> None:
        async with bench(contexts, ready=0) as made:
            made.owner.trouble = RuntimeError("a bug") if where == "find" else PgwardError("no")
            made.owner.breaks = where == "turn_away"
            made.client.send(STARTUP)
            assert await made.end() == b""
            assert made.owner.endings == [(False, None)]

    run(main())
    assert "a connection broke" in caplog.text
