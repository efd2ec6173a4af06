"""Links of services whose protocol the edge speaks; how such a session begins is played here."""

import asyncio
from dataclasses import replace

import pytest

from pgward.pgwire import startup
from pgward.tunnel.edge.carrying import Client, Forwarded, Parting
from pgward.tunnel.edge.state import EdgeState, Service
from pgward.tunnel.edge.state_postgres import PostgresService
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.session_bench import ORDERS, Bench, state, until

AWARE = replace(ORDERS, postgres=PostgresService(default=None))


class Told(Forwarded):
    """Remembers what was told to the client."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.told: list[Reason] = []
        self.adopted: list[Service] = []
        self.trouble: RefusedError | None = None
        self.why: str | None = None

    @property
    def cut(self) -> str | None:
        return self.why

    def adopt(self, _state: EdgeState, service: Service) -> None:
        self.adopted.append(service)
        if self.trouble is not None:
            raise self.trouble

    def tell(self, why: RefusedError) -> None:
        self.told.append(why.reason)


class Playing:
    """Opens sessions as a test wants it: bytes, or an error, or none."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.clients: list[Client] = []
        self.outcome: Exception | None = None
        self.nothing = False
        self.session: Told | None = None
        self.trouble: RefusedError | None = None

    async def open(self, client, service, first, on_end):
        assert service is AWARE
        self.clients.append(client)
        if self.outcome is not None:
            raise self.outcome
        if self.nothing:
            return None
        upstream = await self.bench.dialer.dial(service.upstream)
        self.session = Told(
            asyncio.get_running_loop(),
            client.tls,
            upstream,
            controls=client.controls,
            first=first,
            on_end=on_end,
        )
        self.session.trouble = self.trouble
        return self.session


async def played(contexts, **options) -> tuple[Bench, Playing]:
    bench = await Bench.make(contexts, **options)
    bench.links.state = state(services={"orders": AWARE})
    bench.links.aware = playing = Playing(bench)
    return bench, playing


def test_an_edge_that_is_not_ready_for_it_says_so(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=False)
        bench.links.state = state(services={"orders": AWARE})
        bench.tls.write(b"startup")
        assert b"this edge does not serve orders yet" in await bench.read()
        await until(lambda: not bench.links.live)
        bench.close()

    run(main())


def test_a_session_is_opened_by_whoever_speaks_the_protocol(run, contexts):
    async def main() -> None:
        bench, playing = await played(contexts)
        await bench.began()
        (client,) = playing.clients
        assert (client.peer.user, client.controls) == ("alice", bench.controls)
        assert bench.link.in_session
        bench.link.cut(Reason.BLOCKED)
        assert playing.session is not None
        assert playing.session.told == [Reason.BLOCKED]
        assert [event[0] for event in bench.events][-2:] == ["session.cut", "session.close"]
        bench.close()

    run(main())


NEWER = replace(ORDERS, postgres=PostgresService(default=None, reason_required=True))


def test_a_session_goes_on_under_each_snapshot(run, contexts):
    async def main() -> None:
        bench, playing = await played(contexts)
        await bench.began()
        session = playing.session
        assert session is not None
        same = replace(ORDERS, postgres=PostgresService(default=None))
        bench.links.adopt(state(version=2, services={"orders": same}))
        assert session.adopted[-1] is AWARE  # as it was, and the very same
        bench.links.adopt(state(version=3, services={"orders": NEWER}))
        assert session.adopted[-1] is NEWER
        session.trouble = RefusedError(Reason.DENIED, "others only")
        bench.links.adopt(state(version=4, services={"orders": AWARE}))
        assert session.told == [Reason.DENIED]
        assert bench.events[-2:] == [("session.cut", "ok", "denied"), ("session.close", "ok", None)]
        bench.close()

    run(main())


def test_an_end_that_the_session_came_to_by_itself_is_on_record(run, contexts):
    async def main() -> None:
        bench, playing = await played(contexts)
        await bench.began()
        assert playing.session is not None
        playing.session.why = "idle"
        bench.tls.close()
        await until(lambda: len(bench.events) > 2)
        assert bench.events[1:] == [("session.cut", "ok", "idle"), ("session.close", "ok", None)]
        bench.close()

    run(main())


def test_a_cut_is_on_record_once(run, contexts):
    async def main() -> None:
        bench, playing = await played(contexts)
        await bench.began()
        assert playing.session is not None
        playing.session.why = "blocked"
        (link,) = bench.links.live
        link.cut(Reason.BLOCKED)
        ended = [("session.cut", "ok", "blocked"), ("session.close", "ok", None)]
        assert bench.events[1:] == ended
        bench.close()

    run(main())


def test_a_snapshot_that_comes_while_a_session_is_opened_counts(run, contexts):
    async def main() -> None:
        bench, playing = await played(contexts, gate=False)
        playing.trouble = RefusedError(Reason.DENIED, "others only")
        bench.tls.write(b"query")
        await until(lambda: bench.dialer.dialled)
        bench.links.adopt(state(version=2, services={"orders": NEWER}))
        bench.dialer.gate.set()
        assert b"others only" in await bench.read()
        assert playing.session is not None
        assert playing.session.adopted == [NEWER]
        assert bench.events == [("session.open", "denied", "others only")]
        assert bench.links.limits.by_user == {}
        (database,) = bench.dialer.databases
        assert await asyncio.get_running_loop().sock_recv(database, 100) == b""
        bench.close()

    run(main())


def test_a_refusal_carries_its_sqlstate(run, contexts):
    async def main() -> None:
        bench, playing = await played(contexts, controls=False)
        playing.outcome = RefusedError(Reason.LIMIT, "too many", sqlstate="53300")
        bench.tls.write(b"startup")
        assert b"C53300\0" in await bench.read()
        bench.close()

    run(main())


def test_a_client_that_leaves_meanwhile_is_no_error(run, contexts, caplog):
    async def main() -> None:
        bench, playing = await played(contexts)
        playing.outcome = ConnectionResetError("the client left before its session began")
        bench.tls.write(b"startup")
        await until(lambda: not bench.links.live)
        assert bench.links.limits.by_user == {}
        bench.close()

    run(main())
    assert "no session could be opened" not in caplog.text


def test_a_request_that_is_no_session_ends_and_the_link_goes_on(run, contexts):
    async def main() -> None:
        bench, playing = await played(contexts)
        playing.nothing = True
        for _ in range(3):
            bench.tls.write(b"cancel")
            assert await bench.read() == bench.controls.end
            bench.tls.write(bench.controls.end)
        playing.nothing = False
        await bench.began()
        assert len(playing.clients) == 4
        assert bench.events == [("session.open", "ok", None)]
        bench.close()

    run(main())


def test_more_behind_a_request_that_is_no_session_breaks_the_link(run, contexts):
    async def main() -> None:
        bench, playing = await played(contexts)
        playing.nothing = True
        bench.tls.write(b"cancel")
        assert await bench.read() == bench.controls.end
        bench.tls.write(b"more")
        await until(lambda: not bench.links.live)
        assert len(playing.clients) == 1
        bench.close()

    run(main())


def test_a_direct_client_s_request_ends_its_connection(run, contexts):
    async def main() -> None:
        bench, playing = await played(contexts, controls=False)
        playing.nothing = True
        bench.tls.write(b"cancel")
        assert await bench.read() == b""
        await until(lambda: not bench.links.live)
        bench.close()

    run(main())


@pytest.mark.parametrize("asks", [startup.ssl_request(), startup.gssenc_request()])
@pytest.mark.parametrize("is_aware", [True, False])
def test_whoever_asks_for_encryption_that_it_has_hears_of_a_refusal(run, contexts, asks, is_aware):
    async def main() -> None:
        bench, _ = await played(contexts)
        service = AWARE if is_aware else ORDERS
        limited = replace(service, max_connections=0)
        bench.links.state = state(services={"orders": limited})
        bench.tls.write(asks)
        if is_aware:
            assert await bench.read() == b"N"
            bench.tls.write(startup.startup({"user": "alice"}))
        said = await bench.read()
        assert said.startswith(b"E")
        assert b"all its 0 connections" in said
        bench.close()

    run(main())


def test_a_question_for_encryption_that_was_answered_is_not_answered_again(run, contexts):
    """Whoever opens the session has answered it, and heard the login that is refused."""

    async def main() -> None:
        bench, playing = await played(contexts)
        playing.outcome = RefusedError(Reason.DENIED, "not you")
        bench.tls.write(startup.ssl_request())
        said = await bench.read()
        assert said.startswith(b"E")
        assert b"not you" in said
        bench.close()

    run(main())


@pytest.mark.parametrize("controls", [True, False])
def test_who_is_in_the_middle_of_an_answer_hears_the_rest_before_the_tunnel_ends(
    run, contexts, controls
):
    async def main() -> None:
        bench, playing = await played(contexts, controls=controls)
        await bench.began()
        gate = asyncio.Event()
        closed = []

        async def play() -> None:
            await gate.wait()
            bench.link._tls.write(b"rest, and FATAL")

        session = playing.session
        assert session is not None
        bare = session.close
        session.close = lambda: bare() or Parting(play, lambda: closed.append(True))
        bench.link.cut(Reason.BLOCKED)
        assert bench.links.live == set()
        assert bench.links.limits.by_user == {}
        assert closed == []
        gate.set()
        assert await bench.read() == b"rest, and FATAL"
        if bench.controls is not None:
            assert bench.controls.reason(await bench.read()) is Reason.BLOCKED
        assert await bench.read() == b""
        assert closed == [True]
        bench.close()

    run(main())
