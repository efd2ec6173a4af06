import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pgward.ca.service.arrivals import Arrivals
from pgward.core.errors import DeniedError


def test_each_gets_its_own_result_or_error():
    arrivals, futures = Arrivals(), [Future() for _ in range(5)]

    def settle():
        for number, future in enumerate(futures):
            if number == 3:
                future.set_exception(DeniedError("no"))
            else:
                future.set_result(number)

    async def run():
        waiting = [asyncio.create_task(arrivals.wait(future)) for future in futures]
        await asyncio.sleep(0)  # all of them wait now
        with ThreadPoolExecutor(1) as thread:
            await asyncio.get_running_loop().run_in_executor(thread, settle)
        return await asyncio.gather(*waiting, return_exceptions=True)

    found = asyncio.run(run())
    assert [str(each) for each in found] == ["0", "1", "2", "no", "4"]


def test_those_that_come_together_wake_the_loop_once(monkeypatch):
    arrivals, futures = Arrivals(), [Future() for _ in range(5)]

    async def run():
        loop, woken = asyncio.get_running_loop(), []
        real = loop.call_soon_threadsafe
        waiting = [asyncio.create_task(arrivals.wait(future)) for future in futures]
        await asyncio.sleep(0)
        monkeypatch.setattr(
            loop, "call_soon_threadsafe", lambda *call: woken.append(call) or real(*call)
        )
        for number, future in enumerate(futures):
            future.set_result(number)
        return await asyncio.gather(*waiting), len(woken)

    assert asyncio.run(run()) == ([0, 1, 2, 3, 4], 1)


def test_what_is_done_already_is_returned():
    async def run():
        future = Future()
        future.set_result("done")
        return await Arrivals().wait(future)

    assert asyncio.run(run()) == "done"


def test_who_has_gone_disturbs_nobody():
    arrivals, gone, stays = Arrivals(), Future(), Future()

    async def run():
        leaving = asyncio.create_task(arrivals.wait(gone))
        staying = asyncio.create_task(arrivals.wait(stays))
        await asyncio.sleep(0)
        leaving.cancel()
        gone.set_result(1)
        stays.set_result(2)
        with pytest.raises(asyncio.CancelledError):
            await leaving
        return await staying

    assert asyncio.run(run()) == 2
