"""The long polls of PostgreSQL hosts: waiting is cheap, and news is worked out once for all."""

import asyncio
from typing import Protocol

from anyio.to_thread import run_sync

from pgward.ca.host_news import News


class Versions(Protocol):
    """Knows the store's newest version, and waits for later ones."""

    @property
    def version(self) -> int:
        """The newest version that was read."""
        ...

    async def wait(self, after: int, seconds: float) -> int:
        """Return the version as soon as it is above ``after``, or when the time is over."""
        ...


class Telling(Protocol):
    """What there is to tell."""

    def known(self, version: int) -> News | None:
        """Return the news of at least ``version`` if they are at hand."""
        ...

    def get(self, version: int) -> News:
        """Return the news of at least ``version``; may block."""
        ...


class HostPolls:
    """Answers a poll as soon as there is something that its host does not know."""

    def __init__(self, changes: Versions, news: Telling) -> None:
        self._changes = changes
        self._news = news
        self._one = asyncio.Lock()

    async def newer(self, host: str, after: int, tag: str, seconds: float) -> News | None:
        """Return news for a host that knows ``tag`` as of version ``after``; None in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        version = self._changes.version
        while True:
            found = (await self._of(version)).of(host)
            if found.is_news(after, tag):
                return found
            left = deadline - loop.time()
            version = 0 if left <= 0 else await self._changes.wait(found.version, left)
            if version <= found.version:  # the time is over, or the server stops
                return None

    async def _of(self, version: int) -> News:
        found = self._news.known(version)
        if found is None:
            async with self._one:  # all hosts wake at once, and threads are few
                found = self._news.known(version)
                if found is None:
                    found = await run_sync(self._news.get, version)
        return found
