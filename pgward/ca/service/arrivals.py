"""Results from another thread, brought to the event loop together.

``asyncio.wrap_future`` wakes the loop once for each; of certificates that were committed together
that is up to 64 times, and each time the two threads quarrel over the interpreter.
"""

import asyncio
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Arrivals:
    """Waits for futures of other threads on one event loop."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._arrived: list[tuple[asyncio.Future[Any], Future[Any]]] = []

    async def wait(self, future: Future[_Result]) -> _Result:
        """Return the future's result, or raise what it raises."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[_Result] = loop.create_future()
        future.add_done_callback(lambda done: self._arrive(loop, waiter, done))
        return await waiter

    def _arrive(
        self,
        loop: asyncio.AbstractEventLoop,
        waiter: "asyncio.Future[_Result]",
        done: Future[_Result],
    ) -> None:
        with self._lock:
            self._arrived.append((waiter, done))
            if len(self._arrived) > 1:
                return  # the loop was woken for the first, and takes them all
        loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        with self._lock:
            arrived, self._arrived = self._arrived, []
        for waiter, done in arrived:
            if waiter.done():  # whoever waited has gone
                continue
            error = done.exception()
            if error is None:
                waiter.set_result(done.result())
            else:
                waiter.set_exception(error)
