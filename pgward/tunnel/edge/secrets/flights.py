"""Several who want the same at once wait for one who fetches it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Flights(Generic[K, V]):
    """What is being fetched now, by key; for one event loop."""

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[V]] = {}

    async def join(self, key: K, fetch: Callable[[], Awaitable[V]]) -> V:
        """Return what ``fetch`` does, begun by us or by another; one who gives up ends nothing."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.ensure_future(_run(fetch))
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def _landed(self, key: K, task: asyncio.Task[V]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # whoever waits has it, and there may be nobody


async def _run(fetch: Callable[[], Awaitable[V]]) -> V:
    return await fetch()
