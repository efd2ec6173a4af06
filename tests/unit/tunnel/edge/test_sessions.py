"""Links of an edge over real TLS, with a database that is a socket pair."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.address import Address
from pgward.pki.crl import RevocationList
from pgward.tunnel import pgerror
from pgward.tunnel.edge.sessions import Limits, Link, Links
from pgward.tunnel.edge.state import EdgeState, Peer, Service
from pgward.tunnel.preface import EXPLANATIONS, Controls, Reason, RefusedError
from pgward.tunnel.tls import TlsConnection
from tests.fixtures.authority import MovableClock
from tests.fixtures.links import reset, tcp_pair, tls_pair, unix_pair

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ISSUER = b"issuer"
ALICE = Peer("alice", 7, ISSUER, NOW + timedelta(hours=1))
ORDERS = Service("orders", Address("db", 5432), frozenset({"alice"}), frozenset())


def state(**changes) -> EdgeState:
    made = EdgeState(
        version=1,
        user_roots="",
        services={"orders": ORDERS},
        groups={},
        blocked=frozenset(),
        revocations=RevocationList({ISSUER: frozenset()}, NOW + timedelta(days=1)),
    )
    return replace(made, **changes)


def revoked(*serials: int) -> RevocationList:
    return RevocationList({ISSUER: frozenset(serials)}, NOW + timedelta(days=1))


@dataclass
class FakeDialer:
    """Gives socket pairs, or what ``trouble`` says, once ``gate`` is open."""

    databases: list[socket.socket] = field(default_factory=list)
    trouble: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    dialled: int = 0
    pair: Callable[[], tuple[socket.socket, socket.socket]] = unix_pair

    async def dial(self, upstream: Address) -> socket.socket:
        assert upstream == ORDERS.upstream
        self.dialled += 1
        await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        database, ours = self.pair()
        self.databases.append(database)
        return ours


@dataclass
class Bench:
    """An edge's links and one tunnel's end."""

    links: Links
    dialer: FakeDialer
    tls: TlsConnection
    link: Link
    controls: Controls | None
    events: list[tuple[str, str, str | None]]

    @classmethod
    async def make(cls, contexts, *, controls: bool = True, gate: bool = True) -> "Bench":
        dialer = FakeDialer()
        if gate:
            dialer.gate.set()
        links = Links(asyncio.get_running_loop(), dialer, MovableClock(NOW))
        links.state = state()
        events: list[tuple[str, str, str | None]] = []
        links.record = lambda action, outcome, _link, why: events.append((action, outcome, why))
        edge, tunnel = await tls_pair(contexts)
        known = Controls.new() if controls else None
        link = Link(
            links, edge, peer=ALICE, service="orders", controls=known, address="127.0.0.1:9"
        )
        return cls(links, dialer, tunnel, link, known, events)

    async def read(self) -> bytes:
        """Return the next record; empty at the end."""
        return await read_record(self.tls)

    async def began(self) -> socket.socket:
        """Send a first query and return the database's socket once it came there."""
        self.tls.write(b"query")
        database = await self.database()
        assert await asyncio.get_running_loop().sock_recv(database, 100) == b"query"
        return database

    async def database(self) -> socket.socket:
        count = len(self.dialer.databases)
        await until(lambda: len(self.dialer.databases) > count)
        return self.dialer.databases[-1]

    def close(self) -> None:
        self.link.close()
        self.tls.close()
        for database in self.dialer.databases:
            database.close()


async def read_record(tls: TlsConnection) -> bytes:
    buffer = bytearray(65536)
    while True:
        with suppress(ssl.SSLWantReadError):
            return bytes(buffer[: tls.read_into(65536, buffer)])
        await asyncio.sleep(0)


async def until(true) -> None:
    while not true():  # noqa: ASYNC110 - the object under test has no event for it
        await asyncio.sleep(0)


# --- the life of a link -------------------------------------------------------------------


def test_sessions_follow_each_other_on_one_link(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        for number in range(1, 4):
            database = await bench.began()
            database.send(b"answer")
            assert await bench.read() == b"answer"
            assert bench.link.in_session
            assert bench.links.limits.by_user == {("orders", "alice"): 1}
            bench.tls.write(bench.controls.end)
            assert await asyncio.get_running_loop().sock_recv(database, 100) == b""
            database.close()
            assert await bench.read() == bench.controls.end
            assert not bench.link.in_session
            assert bench.links.limits.by_user == {}
            assert bench.dialer.dialled == number
        assert bench.events == [("session.open", "ok", None), ("session.close", "ok", None)] * 3
        bench.close()
        assert bench.links.live == set()

    run(main())


def test_nobody_is_dialled_before_the_first_byte(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        for _ in range(10):
            await asyncio.sleep(0)
        assert bench.dialer.dialled == 0
        assert bench.links.live == {bench.link}
        bench.close()

    run(main())


def test_a_session_without_a_byte_dials_nobody_and_keeps_the_link(run, contexts):
    """A port scanner, or a client that gives up: its end is the first record."""

    async def main() -> None:
        bench = await Bench.make(contexts)
        for _ in range(3):
            bench.tls.write(bench.controls.end)
            assert await bench.read() == bench.controls.end
        assert bench.dialer.dialled == 0
        await bench.began()
        bench.close()

    run(main())


def test_first_bytes_of_a_controls_size_are_data(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        first = b"x" * len(bench.controls.end)
        bench.tls.write(first)
        database = await bench.database()
        assert await asyncio.get_running_loop().sock_recv(database, 100) == first
        bench.close()

    run(main())


def test_bytes_and_an_end_that_come_while_dialling(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts, gate=False)
        bench.tls.write(b"first ")
        await until(lambda: bench.dialer.dialled)
        bench.tls.write(b"second")
        bench.tls.write(bench.controls.end)
        await asyncio.sleep(0.01)
        assert bench.link.in_session
        bench.dialer.gate.set()
        database = await bench.database()
        received = b""
        while chunk := await asyncio.get_running_loop().sock_recv(database, 100):
            received += chunk
        assert received == b"first second"
        bench.close()

    run(main())


@pytest.mark.parametrize("notify", [True, False])
def test_an_idle_link_that_the_tunnel_closes(run, contexts, notify):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.tls.close(notify=notify)
        await until(lambda: not bench.links.live)
        assert bench.events == []
        bench.close()

    run(main())


def test_a_link_that_dies_in_a_session_closes_the_database(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        bench.tls.close(notify=False)
        assert await asyncio.get_running_loop().sock_recv(database, 10) == b""
        await until(lambda: not bench.links.live)
        assert bench.links.limits.by_user == {}
        assert bench.events[-1] == ("session.close", "ok", None)
        bench.close()

    run(main())


def test_a_plain_clients_link_ends_with_its_session(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=False)
        database = await bench.began()
        database.send(b"bye")
        database.close()
        assert await bench.read() == b"bye"
        assert await bench.read() == b""
        await until(lambda: not bench.links.live)
        bench.close()

    run(main())


# --- refusals -----------------------------------------------------------------------------


async def refused(bench: Bench, reason: Reason, message: str | None = None) -> None:
    """See that the client is told in its own protocol, the tunnel by a cut, and all is closed."""
    text, hint = EXPLANATIONS[reason]
    bench.tls.write(b"query")
    # What a newer certificate mends a tunnel tries again, if it heard nothing yet.
    if bench.controls is None or reason is not Reason.EXPIRED:
        assert await bench.read() == pgerror.fatal(message or text, hint)
    if bench.controls is not None:
        assert bench.controls.reason(await bench.read()) is reason
    assert await bench.read() == b""
    assert bench.links.live == set()
    assert bench.links.limits.by_user == {}
    assert bench.events == [("session.open", "denied", message or text)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"blocked": frozenset({"alice"})}, Reason.BLOCKED),
        ({"revocations": revoked(7)}, Reason.REVOKED),
        ({"revocations": RevocationList({ISSUER: frozenset()}, NOW)}, Reason.STALE),
        ({"services": {}}, Reason.DENIED),
        ({"services": {"orders": replace(ORDERS, users=frozenset())}}, Reason.DENIED),
    ],
)
@pytest.mark.parametrize("controls", [True, False])
def test_what_the_state_forbids_begins_no_session(run, contexts, changes, reason, controls):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=controls)
        bench.links.state = state(**changes)
        await refused(bench, reason)
        assert bench.dialer.dialled == 0
        bench.close()

    run(main())


def test_a_certificate_that_has_expired_meanwhile(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.clock.move(hours=1)
        await refused(bench, Reason.EXPIRED)
        bench.close()

    run(main())


@pytest.mark.parametrize("controls", [True, False])
def test_a_drain_that_begins_with_the_first_byte_leaves_the_answer_to_another_edge(
    run, contexts, controls
):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=controls)
        bench.links.draining = True
        bench.tls.write(b"query")
        if bench.controls is not None:
            assert bench.controls.reason(await bench.read()) is Reason.STOPPING
        else:
            assert await bench.read() == pgerror.fatal(*EXPLANATIONS[Reason.STOPPING])
        assert await bench.read() == b""
        assert bench.dialer.dialled == 0
        bench.close()

    run(main())


def test_a_clock_that_jumps_a_day_and_back(run, contexts):
    """New sessions are refused while it is wrong; running ones and idle links do not notice."""

    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        others, controls = [], []
        for _ in range(2):
            edge, tunnel = await tls_pair(contexts)
            known = Controls.new()
            controls.append(known)
            Link(bench.links, edge, peer=ALICE, service="orders", controls=known, address="")
            others.append(tunnel)
        bench.links.clock.move(days=1)
        others[0].write(b"query")
        assert controls[0].reason(await read_record(others[0])) is Reason.EXPIRED
        database.send(b"still here")
        assert await bench.read() == b"still here"
        bench.links.clock.move(days=-1)
        others[1].write(b"query")
        assert await asyncio.get_running_loop().sock_recv(await bench.database(), 9) == b"query"
        bench.links.clock.move(days=-1)
        database.send(b"still here")
        assert await bench.read() == b"still here"
        for link in tuple(bench.links.live):
            link.close()
        for tls in others:
            tls.close()
        bench.close()

    run(main())


@pytest.mark.parametrize("answered", [True, False])
def test_an_upstream_that_resets_ends_its_link_only(run, contexts, answered):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.dialer.pair = tcp_pair
        database = await bench.began()
        if answered:
            database.send(b"answer")
            assert await bench.read() == b"answer"
        reset(database)
        assert await bench.read() == b""
        assert bench.links.live == set()
        assert bench.links.limits.by_user == {}
        assert bench.events == [("session.open", "ok", None), ("session.close", "ok", None)]
        bench.close()

    run(main())


def test_a_client_that_ends_its_half_hears_the_answer(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        bench.tls.write(bench.controls.end)
        assert await asyncio.get_running_loop().sock_recv(database, 9) == b""
        assert bench.link.in_session
        database.send(b"late answer")
        assert await bench.read() == b"late answer"
        database.close()
        assert await bench.read() == bench.controls.end
        assert not bench.link.in_session
        bench.close()

    run(main())


def test_an_upstream_that_cannot_be_reached(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.dialer.trouble = RefusedError(Reason.UNREACHABLE, "no way")
        await refused(bench, Reason.UNREACHABLE, "no way")
        bench.close()

    run(main())


def test_a_dial_that_breaks_frees_what_it_held(run, contexts, caplog):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.dialer.trouble = RuntimeError("a bug")
        bench.tls.write(b"query")
        assert await bench.read() == b""
        assert bench.links.live == set()
        assert bench.links.limits.by_user == {}
        bench.close()

    run(main())
    assert "no session could be opened" in caplog.text


def test_an_edge_without_a_state_or_in_a_drain(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.state = None
        with pytest.raises(RefusedError) as caught:
            bench.links.authorize(bench.link)
        assert caught.value.reason is Reason.STALE
        bench.links.draining = True
        with pytest.raises(RefusedError) as caught:
            bench.links.authorize(bench.link)
        assert caught.value.reason is Reason.STOPPING
        bench.close()

    run(main())


# --- cuts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["idle", "dialling", "session"])
@pytest.mark.parametrize("controls", [True, False])
def test_a_new_state_cuts_at_once(run, contexts, phase, controls):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=controls, gate=phase == "session")
        database = None
        if phase == "dialling":
            bench.tls.write(b"query")
            await until(lambda: bench.dialer.dialled)
        elif phase == "session":
            database = await bench.began()
        bench.links.adopt(state(revocations=revoked(7)))
        assert bench.links.live == set()
        if bench.controls is not None:
            assert bench.controls.reason(await bench.read()) is Reason.REVOKED
        assert await bench.read() == b""
        if database is not None:
            assert await asyncio.get_running_loop().sock_recv(database, 10) == b""
        await asyncio.sleep(0.01)
        assert bench.links.limits.by_user == {}
        cut = [] if phase == "idle" else [("session.cut", "ok", "revoked")]
        assert [event for event in bench.events if event[0] == "session.cut"] == cut
        bench.close()

    run(main())


def test_a_state_that_changes_nothing_cuts_nobody(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        bench.links.clock.move(days=2)  # time alone ends no session, as in PostgreSQL
        bench.links.adopt(state(version=2, revocations=revoked(8), blocked=frozenset({"bob"})))
        database.send(b"still here")
        assert await bench.read() == b"still here"
        bench.close()

    run(main())


def test_a_cut_while_the_client_reads_nothing(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        still = 0
        while still < 50:  # until nothing moves any more
            try:
                database.send(bytes(65536))
                still = 0
            except BlockingIOError:
                still += 1
                await asyncio.sleep(0)
        bench.link.cut(Reason.BLOCKED)
        assert bench.links.live == set()
        bench.link.cut(Reason.BLOCKED)
        bench.link.close()
        bench.close()

    run(main())


# --- draining -----------------------------------------------------------------------------


def test_a_drain_cuts_idle_links_and_waits_for_sessions(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        edge, idle = await tls_pair(contexts)
        controls = Controls.new()
        Link(bench.links, edge, peer=ALICE, service="orders", controls=controls, address="")
        bench.links.begin_drain()
        drained = asyncio.ensure_future(bench.links.drained())
        assert controls.reason(await read_record(idle)) is Reason.STOPPING
        database.send(b"work")
        assert await bench.read() == b"work"
        assert not drained.done()
        bench.tls.write(bench.controls.end)
        database.close()
        assert await bench.read() == bench.controls.end
        assert await bench.read() == b""  # no second session
        await drained
        idle.close()
        bench.close()

    run(main())


def test_nothing_to_drain(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.begin_drain()
        await bench.links.drained()
        bench.close()

    run(main())


# --- limits -------------------------------------------------------------------------------

LIMITED = replace(ORDERS, max_connections=3, max_connections_per_user=2)


def test_limits_by_person_and_by_service():
    limits = Limits()
    limits.enter(LIMITED, "alice")
    limits.enter(LIMITED, "alice")
    with pytest.raises(RefusedError, match="you have all your 2 connections") as caught:
        limits.enter(LIMITED, "alice")
    assert caught.value.reason is Reason.LIMIT
    limits.enter(LIMITED, "bob")
    with pytest.raises(RefusedError, match="orders has all its 3 connections"):
        limits.enter(LIMITED, "carol")
    limits.leave("orders", "alice")
    limits.enter(LIMITED, "carol")


def test_a_refusal_counts_nobody():
    limits = Limits()
    none = replace(ORDERS, max_connections=0)
    for _ in range(3):
        with pytest.raises(RefusedError):
            limits.enter(none, "alice")
    assert (limits.by_service["orders"], limits.by_user) == (0, {})


def test_limits_are_of_one_service_each():
    limits = Limits()
    for name in ("orders", "billing"):
        limits.enter(replace(LIMITED, name=name, max_connections=1), "alice")
    limits.leave("orders", "alice")
    assert limits.by_user == {("billing", "alice"): 1}


def test_a_service_without_limits():
    limits = Limits()
    for _ in range(1000):
        limits.enter(ORDERS, "alice")
    assert limits.by_service["orders"] == 1000
