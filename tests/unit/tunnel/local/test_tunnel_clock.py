import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from pgward.core.errors import LoginNeededError
from pgward.tunnel.local import renewal as module
from tests.fixtures.authority import MovableClock
from tests.fixtures.tunnel_world import World, until, world


@asynccontextmanager
async def checked(made: World, monkeypatch):
    """Let the tunnel look after itself, many times a second."""
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.01)
    fresh = asyncio.ensure_future(made.tunnel.renewal.keep_fresh())
    try:
        yield
    finally:
        fresh.cancel()
        await asyncio.wait({fresh})


async def checks(made: World, count: int = 2) -> None:
    """Wait until the tunnel has looked so often."""
    made.session.renewals = [False] * count
    await until(lambda: not made.session.renewals)


def test_after_a_sleep_links_are_made_anew_and_sessions_go_on(run, contexts, tls_keys, monkeypatch):
    async def main() -> None:
        clock = MovableClock(datetime.now(UTC))
        async with world(contexts, tls_keys, clock=clock) as made, checked(made, monkeypatch):
            client = await made.client()
            database = await made.talk(client)
            await until(lambda: made.tunnel.pool.idle >= 4 and not made.tunnel.pool._dials)
            old = list(made.tunnel.pool._idle)
            await checks(made)
            assert list(made.tunnel.pool._idle) == old
            clock.move(minutes=30)
            await until(lambda: all(link.tls.fileno() == -1 for link in old))
            await until(lambda: made.tunnel.pool.idle >= 4)
            database.send(b"goes on")
            assert await asyncio.get_running_loop().sock_recv(client, 9) == b"goes on"
            assert made.said == []
            client.close()

    run(main())


def test_a_clock_that_jumps_a_day_and_back_costs_no_connection(
    run, contexts, tls_keys, monkeypatch
):
    """The edge, whose clock is right, decides."""

    async def main() -> None:
        clock = MovableClock(datetime.now(UTC))
        async with world(contexts, tls_keys, clock=clock) as made, checked(made, monkeypatch):
            running = await made.client()
            database = await made.talk(running)
            for days in (1, -1, -1, 1):
                clock.move(days=days)
                if days == 1:
                    made.session.renewals = [LoginNeededError(), LoginNeededError()]
                client = await made.client()
                await made.talk(client)
                client.close()
                await checks(made)
                database.send(b"goes on")
                assert await asyncio.get_running_loop().sock_recv(running, 9) == b"goes on"
            assert made.tunnel.counters.refused == 0
            assert {line.partition("\n")[0] for line in made.said} == {"you are not logged in"}
            running.close()

    run(main())
