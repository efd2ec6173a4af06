"""The pool over real TLS links to edges that a test plays."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from pgward.client.services import EdgeInfo
from pgward.core.address import Address
from pgward.core.errors import UnavailableError
from pgward.tunnel.local import pool as module
from pgward.tunnel.local.pool import Pool, ReadyLink
from pgward.tunnel.preface import Controls, Reason, RefusedError
from pgward.tunnel.tls import TlsConnection
from tests.fixtures.links import tls_pair

ONE = EdgeInfo("e1", Address("e1", 6432), "e1")
TWO = EdgeInfo("e2", Address("e2", 6432), "e2")


@dataclass
class Edges:
    """Plays the edges: opens links, or says no in the name of each."""

    contexts: tuple
    trouble: dict[str, Exception] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    ends: list[tuple[TlsConnection, Controls]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    async def __call__(self, edge: EdgeInfo):
        self.asked.append(edge.name)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
            self.before()
            if edge.name in self.trouble:
                raise self.trouble[edge.name]
            theirs, ours = await tls_pair(self.contexts)
        finally:
            self.at_once -= 1
        controls = Controls.new()
        self.ends.append((theirs, controls))
        return ours, controls


@asynccontextmanager
async def pooled(contexts, *, edges=(ONE,), gate=True, **options):
    played = Edges(contexts)
    if gate:
        played.gate.set()
    pool = Pool(asyncio.get_running_loop(), lambda: edges, played, **options)
    try:
        yield pool, played
    finally:
        pool.close()
        await settled(pool)
        for tls, _ in played.ends:
            tls.close(notify=False)


async def settled(pool: Pool) -> None:
    """Wait until no dial is under way."""
    while pool._dials:  # noqa: ASYNC110 - the object under test has no event for it
        await asyncio.sleep(0)
    await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - the object under test has no event for it
        await asyncio.sleep(0)


def closed(link: ReadyLink) -> bool:
    return link.tls.fileno() == -1


# --- filling ------------------------------------------------------------------------------


def test_the_pool_keeps_spare_links(run, contexts):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            assert pool.take() is None
            await settled(pool)
            assert pool.idle == 4
            link = pool.take()
            assert link is not None
            asyncio.get_running_loop().remove_reader(link.tls.fileno())
            await settled(pool)
            assert (pool.idle, len(edges.asked)) == (4, 5)
            pool.give_back(link)
            assert pool.idle == 5

    run(main())


def test_few_dials_at_once_whatever_the_crowd(run, contexts):
    async def main() -> None:
        async with pooled(contexts, gate=False) as (pool, edges):
            waiters = [asyncio.ensure_future(pool.wait()) for _ in range(50)]
            await asyncio.sleep(0.01)
            assert len(edges.asked) == module.DIALS_AT_ONCE
            edges.gate.set()
            links = await asyncio.gather(*waiters)
            assert len({id(link) for link in links}) == 50
            assert edges.most_at_once == module.DIALS_AT_ONCE
            for link in links:
                link.tls.close()

    run(main())


def test_a_waiter_takes_a_link_that_is_ready(run, contexts):
    """However full the pool is: no dial would come for the waiter."""

    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            links = [await pool.wait() for _ in range(10)]
            await settled(pool)
            for link in links:
                pool.give_back(link)
            dials = len(edges.asked)
            async with asyncio.timeout(1):
                link = await pool.wait()
            assert len(edges.asked) == dials
            link.tls.close()

    run(main())


def test_a_link_that_comes_back_serves_who_waits(run, contexts):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            link = await pool.wait()
            while (other := pool.take()) is not None:
                asyncio.get_running_loop().remove_reader(other.tls.fileno())
                other.tls.close()
            edges.gate.clear()
            waiter = asyncio.ensure_future(pool.wait())
            await asyncio.sleep(0)
            pool.give_back(link)
            assert await waiter is link
            link.tls.close()
            edges.gate.set()

    run(main())


def test_a_cancelled_waiter_gives_its_link_back(run, contexts):
    async def main() -> None:
        async with pooled(contexts, spare=0) as (pool, edges):
            waiter = asyncio.ensure_future(pool.wait())
            await until(lambda: bool(edges.ends))
            await until(lambda: not pool._waiting)  # the link is its own, and it does not know
            waiter.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiter
            assert pool.idle == 1

    run(main())


def test_a_waiter_that_gave_up_gets_nothing(run, contexts):
    async def main() -> None:
        async with pooled(contexts, gate=False, spare=0) as (pool, edges):
            waiter = asyncio.ensure_future(pool.wait())
            await until(lambda: bool(edges.asked))
            waiter.cancel()
            await asyncio.wait({waiter})
            edges.gate.set()
            await settled(pool)
            assert pool.idle == 1

    run(main())


# --- refusals -----------------------------------------------------------------------------


def test_a_refusal_is_told_to_all_who_wait_and_not_asked_again(run, contexts, caplog):
    async def main() -> None:
        async with pooled(contexts, gate=False) as (pool, edges):
            edges.trouble["e1"] = RefusedError(Reason.BLOCKED)
            waiters = [asyncio.ensure_future(pool.wait()) for _ in range(20)]
            await asyncio.sleep(0.01)
            edges.gate.set()
            answers = await asyncio.gather(*waiters, return_exceptions=True)
            assert {type(answer) for answer in answers} == {RefusedError}
            await settled(pool)
            await asyncio.sleep(0.05)
            assert len(edges.asked) == module.DIALS_AT_ONCE
            for _ in range(10):
                assert pool.take() is None  # a look asks nobody
            await settled(pool)
            assert len(edges.asked) == module.DIALS_AT_ONCE
            with pytest.raises(RefusedError, match="your account is blocked"):
                await pool.wait()
            assert len(edges.asked) == module.DIALS_AT_ONCE + 1

    run(main())
    assert caplog.text == ""  # those who waited tell it


def test_a_trouble_that_nobody_waits_for_is_logged_once(run, contexts, caplog):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            edges.trouble["e1"] = UnavailableError("the edge is down")
            pool.fill()
            await settled(pool)
            assert len(edges.asked) == pool.spare

    run(main())
    assert caplog.text.count("the edge is down") == 1


def test_a_limit_that_only_spare_links_meet_is_not_told(run, contexts, caplog):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            link = await pool.wait()
            await settled(pool)
            for other in pool._idle.copy():
                pool._discard(other)
            edges.trouble["e1"] = RefusedError(Reason.LIMIT)
            pool.fill()
            await settled(pool)
            assert pool.refusal is edges.trouble["e1"]
            edges.trouble.clear()
            (await pool.wait()).tls.close()
            link.tls.close()

    run(main())
    assert caplog.text == ""


def test_after_a_refusal_the_first_success_fills_the_pool(run, contexts):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            edges.trouble["e1"] = UnavailableError("down")
            with pytest.raises(UnavailableError, match="down"):
                await pool.wait()
            edges.trouble.clear()
            link = await pool.wait()
            assert pool.refusal is None
            await settled(pool)
            assert pool.idle == 4
            link.tls.close()

    run(main())


def test_the_next_edge_is_tried(run, contexts):
    async def main() -> None:
        async with pooled(contexts, edges=(ONE, TWO), spare=0) as (pool, edges):
            for trouble in (UnavailableError("down"), RefusedError(Reason.STOPPING)):
                edges.asked.clear()
                edges.trouble["e1"] = trouble
                link = await pool.wait()
                assert edges.asked == ["e1", "e2"]
                link.tls.close()

    run(main())


def test_a_no_is_no_at_every_edge(run, contexts):
    async def main() -> None:
        async with pooled(contexts, edges=(ONE, TWO), spare=0) as (pool, edges):
            edges.trouble["e1"] = RefusedError(Reason.DENIED)
            with pytest.raises(RefusedError):
                await pool.wait()
            assert edges.asked == ["e1"]
            edges.trouble = {"e1": UnavailableError("one"), "e2": UnavailableError("two")}
            with pytest.raises(UnavailableError, match="two"):
                await pool.wait()

    run(main())


def test_no_edge_leads_there(run, contexts):
    async def main() -> None:
        async with pooled(contexts, edges=()) as (pool, _):
            with pytest.raises(UnavailableError, match="no edge leads to this service"):
                await pool.wait()

    run(main())


def test_an_edge_that_does_not_answer_in_time(run, contexts, monkeypatch):
    monkeypatch.setattr(module, "DIAL_TIMEOUT", 0.05)

    async def main() -> None:
        async with pooled(contexts, gate=False) as (pool, _):
            with pytest.raises(UnavailableError, match="no edge answered in time"):
                await pool.wait()

    run(main())


def test_a_dial_that_breaks_fails_who_waits(run, contexts, caplog):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            edges.trouble["e1"] = RuntimeError("a bug")
            with pytest.raises(UnavailableError, match="a bug"):
                await pool.wait()
            await settled(pool)
            assert len(edges.asked) <= module.DIALS_AT_ONCE  # and is not hammered

    run(main())
    assert "a dial broke" in caplog.text


def test_a_fresh_link_is_none_that_waited(run, contexts):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            used = [await pool.wait() for _ in range(6)]
            await settled(pool)
            for link in used:
                pool.give_back(link)
            old = list(pool._idle)
            fresh = await pool.fresh()
            assert fresh not in old
            assert list(pool._idle) == old
            fresh.tls.close()
            edges.trouble["e1"] = UnavailableError("down")
            with pytest.raises(UnavailableError, match="down"):
                await pool.fresh()
            assert list(pool._idle) == old

    run(main())


# --- renewal ------------------------------------------------------------------------------


def test_a_renewal_drops_the_links_of_the_former_certificate(run, contexts):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            used = await pool.wait()
            await settled(pool)
            old = list(pool._idle)
            pool.renewed()
            assert all(map(closed, old))
            assert not closed(used)  # its session goes on
            await settled(pool)
            assert pool.idle == 4
            pool.give_back(used)
            assert closed(used)
            assert pool.idle == 4
            assert len(edges.ends) == 9

    run(main())


def test_a_dial_of_the_former_certificate_is_not_used(run, contexts):
    async def main() -> None:
        async with pooled(contexts, gate=False) as (pool, edges):
            waiter = asyncio.ensure_future(pool.wait())
            await until(lambda: bool(edges.asked))
            pool.renewed()
            edges.gate.set()
            link = await waiter
            assert link.epoch == pool._epoch
            assert len(edges.ends) > pool.spare
            link.tls.close()

    run(main())


def test_what_the_former_certificate_met_is_not_told(run, contexts):
    async def main() -> None:
        async with pooled(contexts, gate=False) as (pool, edges):
            waiter = asyncio.ensure_future(pool.wait())
            await asyncio.sleep(0.01)
            old = len(edges.asked)
            edges.trouble["e1"] = RefusedError(Reason.EXPIRED)
            edges.before = lambda: edges.trouble.clear() if len(edges.asked) > old else None
            pool.renewed()
            edges.gate.set()
            (await waiter).tls.close()
            assert pool.refusal is None

    run(main())


def test_a_renewal_forgets_a_refusal(run, contexts):
    async def main() -> None:
        async with pooled(contexts) as (pool, edges):
            edges.trouble["e1"] = RefusedError(Reason.EXPIRED)
            with pytest.raises(RefusedError):
                await pool.wait()
            edges.trouble.clear()
            pool.renewed()
            await settled(pool)
            assert pool.idle == 4

    run(main())


# --- idle links ---------------------------------------------------------------------------


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
