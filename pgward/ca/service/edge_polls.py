"""The long polls of edges that take snapshots in parts: each hears of what is other for itself.

Who has less is told of at once. Of anything else an edge hears at most four times a second, so
that many approvals make few snapshots.
"""

import asyncio
from typing import Final, Protocol

from anyio.to_thread import run_sync

from pgward.ca.snapshots import News, Told

REST_SECONDS: Final = 0.25
"""Between two answers to an edge, unless somebody has less."""


class Versions(Protocol):
    """Knows the store's newest version, and waits for later ones."""

    async def wait(self, after: int, seconds: float) -> int:
        """Return the version as soon as it is above ``after``, or when the time is over."""
        ...


class Telling(Protocol):
    """What there is to tell."""

    def is_known(self, version: int) -> bool:
        """Tell whether at least ``version`` is at hand; never blocks for long."""
        ...

    def take_up(self, version: int) -> None:
        """Have at least ``version`` at hand; may block."""
        ...

    def news(self, edge: str, version: int, after: int, tag: str) -> News:
        """Return what there is for who has ``after`` with ``tag``; may block."""
        ...

    def tell(self, edge: str, version: int, after: int, tag: str) -> Told:
        """Return what an edge is told who has that; may block."""
        ...


class EdgePolls:
    """Answers a poll as soon as there is something that its edge does not know."""

    def __init__(self, changes: Versions, snapshots: Telling) -> None:
        self._changes, self._snapshots = changes, snapshots
        self._one = asyncio.Lock()
        self._told_at: dict[str, float] = {}

    async def newer(self, edge: str, after: int, tag: str, seconds: float) -> Told | None:
        """Return what is newer than ``after``; None when nothing has changed anywhere in time.

        Where the time is over, what changed for others makes a newer version of the same.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        version = await self._changes.wait(after, seconds)
        if version <= after:
            return None
        while True:
            await self._take_up(version)
            news = await run_sync(self._snapshots.news, edge, version, after, tag)
            pause = self._pause(edge, news, deadline - loop.time())
            newest = 0 if pause <= 0 else await self._changes.wait(news.version, pause)
            if newest <= news.version:  # it is time to tell, or the server stops
                break
            version = newest
        told = await run_sync(self._snapshots.tell, edge, version, after, tag)
        self._told_at[edge] = loop.time()
        return told

    def _pause(self, edge: str, news: News, left: float) -> float:
        """Return for how long something else may come before the answer."""
        if not news.is_other:
            return left
        if news.is_urgent:
            return 0
        now = asyncio.get_running_loop().time()
        return min(left, self._told_at.get(edge, -REST_SECONDS) + REST_SECONDS - now)

    async def _take_up(self, version: int) -> None:
        if not self._snapshots.is_known(version):
            async with self._one:  # all edges wake at once, and threads are few
                if not self._snapshots.is_known(version):
                    await run_sync(self._snapshots.take_up, version)
