"""Who follows the archive is told when something came in, here or at another replica."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

CHECK_SECONDS = 1.0


class News:
    """Lets requests wait until there is something new; one event loop at a time."""

    def __init__(self, *, every: float = CHECK_SECONDS) -> None:
        self._every = every
        self._waiting: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether all who wait were sent home."""
        return self._closed

    def tell(self) -> None:
        """Say that something came in; from any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop may be gone while a thread still commits
                loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Send all who wait home, so that the server can stop; call it on the event loop."""
        self._closed = True
        self._wake()

    async def wait(self, seconds: float, is_there: Callable[[], bool] = lambda: False) -> None:
        """Return when something came in, at the latest after ``seconds``.

        Also after a second, as what came in at another replica is heard of by nobody here: look
        again, and wait on. ``is_there`` is asked once the waiting has begun.
        """
        self._loop = asyncio.get_running_loop()
        came = asyncio.Event()
        self._waiting.add(came)
        try:
            if not self._closed and not is_there():
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(seconds, self._every)):
                        await came.wait()
        finally:
            self._waiting.discard(came)

    def _wake(self) -> None:
        for each in self._waiting:
            each.set()
