"""All links of an edge: what is told in test_sessions, and how they end together."""

import asyncio

from pgward.tunnel.edge import links
from pgward.tunnel.edge.sessions import Link
from pgward.tunnel.preface import Controls, Reason
from tests.fixtures.links import tls_pair
from tests.fixtures.session_bench import ALICE, Bench, read_record


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


def test_an_edge_that_stops_waits_for_nobody_for_long(run, contexts, monkeypatch):
    monkeypatch.setattr(links, "LEAVE_SECONDS", 0.01)

    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.link.cut(Reason.STOPPING)
        await bench.links.left()
        assert len(bench.links.lingering) == 0
        bench.close()

    run(main())
