"""Wakes the edges' long polls when the store's version grows, here or in another process."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from pgward.ca.store import Store
from pgward.core.errors import PgwardError

_CHECK_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Changes:
    """Knows the newest version; one task reads it, any number of requests wait for it.

    ``refresh`` is called in a thread after a new version was told.
    """

    def __init__(
        self,
        store: Store,
        *,
        every: float = _CHECK_SECONDS,
        refresh: Callable[[], object] = lambda: None,
    ) -> None:
        self._store = store
        self._refresh = refresh
        self._every = every
        self._version = 0
        self._poke = asyncio.Event()
        self._news = asyncio.Condition()
        self._closed = False

    @property
    def version(self) -> int:
        """The newest version that was read, at most a second ago."""
        return self._version

    @property
    def is_closed(self) -> bool:
        """Whether nobody is made to wait any more, as the server stops."""
        return self._closed

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch the store as long as the context is open."""
        loop = asyncio.get_running_loop()

        def poke() -> None:
            # The loop may be gone while a thread still commits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._poke.set)

        stop = self._store.on_change(poke)
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            stop()
            self.close()
            await task

    async def wait(self, after: int, seconds: float) -> int:
        """Return the version as soon as it is above ``after``, or when the time is over."""
        if self._version <= after and not self._closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds), self._news:
                    await self._news.wait_for(lambda: self._version > after or self._closed)
        return self._version

    def close(self) -> None:
        """Send all who wait home, so that the server can stop; call it on the event loop."""
        self._closed = True
        self._poke.set()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _watch(self) -> None:
        while not self._closed:
            self._poke.clear()
            if await self._look():
                await self._tell()
                await self._take_up()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._poke.wait()
        await self._tell()

    async def _look(self) -> bool:
        try:
            version = await asyncio.to_thread(self._store.version)
        except PgwardError as error:  # the store may be away; the next look tells
            _log.warning("the version cannot be read: %s", error.message)
            return False
        except Exception:  # noqa: BLE001 - a bug must not end the watch: no edge would hear of a revocation
            _log.exception("the version cannot be read")
            return False
        is_news, self._version = version != self._version, version
        return is_news

    async def _take_up(self) -> None:
        try:
            await asyncio.to_thread(self._refresh)
        except Exception as error:  # noqa: BLE001 - the watch goes on, and upkeep tries again
            _log.warning("what changed is not taken up yet: %s", error)
