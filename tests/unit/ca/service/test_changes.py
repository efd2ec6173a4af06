import asyncio
import threading
import time

from pgward.ca.service.changes import Changes
from pgward.core.errors import UnavailableError


def _change(store):
    with store.write() as transaction:
        transaction.changed()


def test_a_version_that_is_newer_already_returns_at_once(store):
    async def run():
        changes = Changes(store)
        async with changes.watching():
            return await changes.wait(0, 10)

    assert asyncio.run(run()) == 1


def test_a_change_here_wakes_all_who_wait_at_once(store):
    async def run():
        changes = Changes(store, every=60)
        async with changes.watching():
            now = await changes.wait(0, 10)
            waiting = [asyncio.create_task(changes.wait(now, 30)) for _ in range(50)]
            await asyncio.sleep(0)
            began = time.monotonic()
            await asyncio.to_thread(_change, store)
            found = set(await asyncio.gather(*waiting))
            return now, found, time.monotonic() - began

    now, found, seconds = asyncio.run(run())
    assert found == {store.version()}
    assert store.version() > now
    assert seconds < 1


def test_what_changed_is_taken_up_and_a_failure_does_not_end_the_watch(store, caplog):
    taken_up = threading.Semaphore(0)

    def refresh():
        taken_up.release()
        raise UnavailableError("away")

    async def run():
        changes = Changes(store, every=60, refresh=refresh)
        async with changes.watching():
            for _ in range(2):
                await asyncio.to_thread(_change, store)
                assert await asyncio.to_thread(taken_up.acquire, timeout=5)

    asyncio.run(run())
    assert "what changed is not taken up yet: away" in caplog.text


def test_without_a_change_the_wait_ends_in_time(store):
    async def run():
        changes = Changes(store)
        async with changes.watching():
            now = await changes.wait(0, 10)
            return now, await changes.wait(now, 0.01)

    assert asyncio.run(run()) == (1, 1)


def test_closing_sends_all_home(store):
    async def run():
        changes = Changes(store, every=60)
        async with changes.watching():
            now = await changes.wait(0, 10)
            waiting = asyncio.create_task(changes.wait(now, 30))
            await asyncio.sleep(0)
            assert not changes.is_closed
            changes.close()
            assert changes.is_closed
            return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(run()) == 1


def test_a_store_that_is_away_for_a_while_does_not_end_the_watch(store, monkeypatch, caplog):
    answers = iter([UnavailableError("away"), RuntimeError("a bug")])
    real = store.version

    def version():
        answer = next(answers, None)
        if answer is not None:
            raise answer
        return real()

    monkeypatch.setattr(store, "version", version)

    async def run():
        changes = Changes(store, every=0.01)
        async with changes.watching():
            return await changes.wait(0, 10)

    assert asyncio.run(run()) == 1
    assert "away" in caplog.text
    assert "a bug" in caplog.text
