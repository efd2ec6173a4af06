import asyncio

import pytest

from pgward.core.errors import UnavailableError
from pgward.tunnel.local import pool as module
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.pool_edges import ONE, TWO, pooled, settled


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
