"""Links of services whose protocol the edge speaks; how such a session begins is played here."""

import asyncio
from dataclasses import replace

from pgward.tunnel.edge.carrying import Forwarded
from pgward.tunnel.edge.sessions import Client
from pgward.tunnel.edge.state_postgres import PostgresService
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.session_bench import ORDERS, Bench, state, until

AWARE = replace(ORDERS, postgres=PostgresService(default=None))


class Told(Forwarded):
    """Remembers what was told to the client."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.told: list[Reason] = []

    def tell(self, reason: Reason) -> None:
        self.told.append(reason)


class Playing:
    """Opens sessions as a test wants it: bytes, or an error, or none."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.clients: list[Client] = []
        self.outcome: Exception | None = None
        self.nothing = False
        self.session: Told | None = None

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
