"""The pool over real TLS links to edges that a test plays."""

import asyncio

import pytest

from pgward.tunnel.local import pool as module
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.pool_edges import closed, pooled, settled, until

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
