"""Idle links over real TLS, on a loop whose clock stands still until a test moves it."""

import asyncio
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.address import Address
from pgward.pki.crl import RevocationList
from pgward.tunnel.edge import idle as module
from pgward.tunnel.edge.idle import close_idle
from pgward.tunnel.edge.links import Links
from pgward.tunnel.edge.sessions import Link
from pgward.tunnel.edge.state import EdgeState, Peer, Service
from pgward.tunnel.lingering import Lingering
from pgward.tunnel.preface import Controls, PrefaceError
from pgward.tunnel.tls import TlsConnection, read_line
from tests.fixtures.authority import MovableClock
from tests.fixtures.links import tls_pair, unix_pair

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ALICE = Peer("alice", 7, b"issuer", NOW + timedelta(hours=1))
ORDERS = Service("orders", Address("db", 5432), frozenset({"alice"}), frozenset())
STATE = EdgeState(
    version=1,
    user_roots="",
    services={"orders": ORDERS},
    groups={},
    blocked=frozenset(),
    revocations=RevocationList({b"issuer": frozenset()}, NOW + timedelta(days=1)),
)


@dataclass
class StillLoop:
    """The running loop, with a clock and timers of its own."""

    now: float = 1000.0
    timers: list[tuple[float, tuple]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.real = asyncio.get_running_loop()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback, *arguments) -> None:
        assert callback is close_idle
        self.timers.append((delay, arguments))

    def __getattr__(self, name: str):
        return getattr(self.real, name)

    def pass_time(self, seconds: float) -> None:
        """Move on, and run the timer that is due by then."""
        self.now += seconds
        _, arguments = self.timers.pop()
        close_idle(*arguments)


class Database:
    """Gives every session a socket pair, once it may."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.sockets: list[socket.socket] = []
        self.dialled = asyncio.Event()

    async def dial(self, _upstream: Address) -> socket.socket:
        self.dialled.set()
        await self.gate.wait()
        theirs, ours = unix_pair()
        self.sockets.append(theirs)
        return ours


@dataclass
class Bench:
    loop: StillLoop
    links: Links
    database: Database
    tls: TlsConnection
    controls: Controls
    recorded: list[str]

    @classmethod
    async def make(cls, contexts) -> "Bench":
        loop, database = StillLoop(), Database()
        database.gate.set()
        links = Links(loop, database, MovableClock(NOW))
        links.lingering = Lingering(loop.real)
        links.state = STATE
        recorded: list[str] = []
        links.record = lambda action, *_: recorded.append(action)
        edge, tunnel = await tls_pair(contexts)
        controls = Controls.new()
        Link(links, edge, peer=ALICE, service="orders", controls=controls, address="here")
        return cls(loop, links, database, tunnel, controls, recorded)

    def close(self) -> None:
        for link in tuple(self.links.live):
            link.close()
        self.links.lingering.close_now()
        for each in (self.tls, *self.database.sockets):
            each.close()


def test_a_link_without_a_session_is_closed_once_it_is_due(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        close_idle(bench.links, 100)
        bench.loop.pass_time(99)
        assert len(bench.links.live) == 1
        bench.loop.pass_time(1)
        assert bench.links.live == set()
        with pytest.raises(PrefaceError, match="closed"):  # without a reason: it is no event
            await read_line(bench.tls, 100)
        assert bench.recorded == []
        bench.close()

    run(main())


def test_a_session_however_quiet_is_not_idle(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        close_idle(bench.links, 100)
        loop = asyncio.get_running_loop()
        bench.database.gate.clear()
        bench.tls.write(b"query")
        await bench.database.dialled.wait()
        bench.loop.pass_time(1000)  # while the database is dialled
        bench.database.gate.set()
        while not bench.database.sockets:  # noqa: ASYNC110 - the edge has no event for it
            await asyncio.sleep(0)
        (database,) = bench.database.sockets
        assert await loop.sock_recv(database, 10) == b"query"
        bench.loop.pass_time(1000)
        database.send(b"answer")
        assert await read_line(bench.tls, 100) == b"answer"
        bench.tls.write(bench.controls.end)
        database.close()
        assert await read_line(bench.tls, 100) == bench.controls.end
        bench.loop.pass_time(99)  # from the session's end on
        assert len(bench.links.live) == 1
        bench.loop.pass_time(1)
        assert bench.links.live == set()
        bench.close()

    run(main())


def test_it_looks_again_often_enough(run):
    async def main() -> None:
        loop = StillLoop()
        links = Links(loop, Database(), MovableClock(NOW))
        for timeout, soon in ((4.0, 2.0), (3600.0, module.LOOK_SECONDS)):
            close_idle(links, timeout)
            assert loop.timers.pop() == (soon, (links, timeout))

    run(main())
