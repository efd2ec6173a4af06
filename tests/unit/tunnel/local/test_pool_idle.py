import asyncio

import pytest

from pgward.tunnel.local import pool as module
from pgward.tunnel.preface import Reason
from tests.fixtures.pool_edges import closed, pooled, settled, until


@pytest.mark.parametrize("notify", [True, False])
def test_an_idle_link_that_dies_is_let_go(run, contexts, notify):
    async def main() -> None:
        cuts: list[Reason] = []
        async with pooled(contexts, on_cut=cuts.append) as (pool, edges):
            pool.fill()
            await settled(pool)
            dials = len(edges.asked)
            edges.ends[0][0].close(notify=notify)
            await until(lambda: pool.idle == 3)
            assert cuts == []
            assert len(edges.asked) == dials  # an edge that dies is not asked at once

    run(main())


@pytest.mark.parametrize("reason", [Reason.REVOKED, Reason.STOPPING])
def test_an_idle_link_that_is_cut_says_why(run, contexts, reason):
    async def main() -> None:
        cuts: list[Reason] = []
        async with pooled(contexts, on_cut=cuts.append) as (pool, edges):
            pool.fill()
            await settled(pool)
            for tls, controls in edges.ends:
                tls.write(controls.cut(reason))
            await until(lambda: pool.idle == 0)
            assert cuts == ([] if reason == Reason.STOPPING else [reason] * 4)

    run(main())


@pytest.mark.parametrize("long", [True, False])
def test_links_that_the_edge_closes_for_idleness_are_made_anew(
    run, contexts, monkeypatch, caplog, long
):
    """Silently; but an edge that closes at once would have us dial for ever."""
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0 if long else 60.0)

    async def main() -> None:
        cuts: list[Reason] = []
        async with pooled(contexts, on_cut=cuts.append) as (pool, edges):
            pool.fill()
            await settled(pool)
            for tls, _ in tuple(edges.ends):
                tls.close()
            old = list(pool._idle)
            await until(lambda: all(map(closed, old)))
            await settled(pool)
            assert pool.idle == (4 if long else 0)
            assert (cuts, pool.refusal) == ([], None)

    run(main())
    assert caplog.text == ""


def test_an_edge_that_speaks_out_of_turn_is_let_go(run, contexts):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            pool.fill()
            await settled(pool)
            edges.ends[0][0].write(b"x" * 5000)
            edges.ends[1][0].write(edges.ends[1][1].end)
            await until(lambda: pool.idle == 2)

    run(main())


def test_what_a_burst_left_is_trimmed(run, contexts, monkeypatch):
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.05)

    async def main() -> None:
        async with pooled(contexts, spare=2) as (pool, _):
            links = [await pool.wait() for _ in range(8)]
            await settled(pool)
            for link in links:
                pool.give_back(link)
            assert pool.idle == 10
            await until(lambda: pool.idle == 2)
            assert sum(map(closed, links)) >= 6
            await asyncio.sleep(0.12)
            assert pool.idle == 2

    run(main())


def test_no_more_than_the_most_wait(run, contexts):
    async def main() -> None:
        async with pooled(contexts, spare=1, most_idle=3) as (pool, _):
            links = [await pool.wait() for _ in range(5)]
            await settled(pool)
            for link in links:
                pool.give_back(link)
            assert pool.idle == 3

    run(main())


def test_close_leaves_nothing(run, contexts):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            used = await pool.wait()
            await settled(pool)
            edges.gate.clear()
            idle = list(pool._idle)
            waiters = [asyncio.ensure_future(pool.wait()) for _ in range(len(idle) + 2)]
            await asyncio.sleep(0)
            pool.close()
            await asyncio.wait(waiters)
            await settled(pool)
            assert [each.cancelled() for each in waiters].count(True) == 2
            pool.give_back(used)
            assert closed(used)
            for each in waiters:
                if not each.cancelled():
                    each.result().tls.close()
            pool.fill()
            assert pool._dials == set()

    run(main())
