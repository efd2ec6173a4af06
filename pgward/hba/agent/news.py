"""Hears from the CA what changed: one long poll after the other, in a thread of its own.

What changed is not told here, only that it did: each duty gets what it needs. So a lost or a
doubled poll costs nothing, and without any the duties look from time to time by themselves.
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pgward.core.errors import NotFoundError, PgwardError, UnavailableError

log = logging.getLogger("pgward.hba")

WAIT = 25.0
SHORTEST_PAUSE = 0.25
LONGEST_PAUSE = 10.0
BETWEEN_SECONDS = 0.2
"""Between two polls: a CA that has news without end, or answers none, is not asked without end."""
OLD_CA_PAUSE = 600.0
_MOST_PARTS, _LONGEST_PART = 100, 100_000


class Ca(Protocol):
    """The CA, as the host's machine identity reaches it."""

    def reload(self) -> bool:
        """Take the certificate that is on disk now."""
        ...

    def news(self, after: int, tag: str | None, wait: float) -> dict[str, Any] | None:
        """Return what differs from ``tag``, or None when nothing did in time."""
        ...


class News:
    """Knows the newest version of each part; ``on_news`` gets the names of those that changed."""

    def __init__(self, ca: Ca, on_news: Callable[[frozenset[str]], object]) -> None:
        self._ca = ca
        self._on_news = on_news
        self._stopping = threading.Event()
        self._after = 0
        self._tag: str | None = None
        self._parts: Mapping[str, str] = {}
        self.connected = False

    @property
    def parts(self) -> Mapping[str, str]:
        """What the CA told last; empty until then."""
        return self._parts

    def start(self) -> None:
        """Poll from now on, until ``stop`` or the end of the process."""
        threading.Thread(target=self._run, name="pgward-news", daemon=True).start()

    def stop(self) -> None:
        """Begin no further poll."""
        self._stopping.set()

    def poll(self) -> None:
        """Do one long poll; raise PgwardError."""
        self._ca.reload()
        # The first answer after a loss must come at once: it says that the CA is there.
        reply = self._ca.news(self._after, self._tag, WAIT if self.connected else 0)
        if not self.connected:
            log.info("connected to the CA")
            self.connected = True
        if reply is not None:
            self._adopt(reply)

    def _adopt(self, reply: Mapping[str, Any]) -> None:
        try:
            version, tag = int(reply["version"]), str(reply["tag"])
            parts = {str(name): str(value) for name, value in reply["parts"].items()}
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise UnavailableError(f"the CA's news cannot be read: {error!r}") from error
        if len(parts) > _MOST_PARTS or any(len(each) > _LONGEST_PART for each in parts.values()):
            raise UnavailableError("the CA's news is longer than any news")
        before, self._parts = self._parts, parts
        self._after, self._tag = version, tag
        names = before.keys() | parts.keys()
        changed = frozenset(name for name in names if before.get(name) != parts.get(name))
        if changed:
            self._on_news(changed)

    def _run(self) -> None:
        pause, told = SHORTEST_PAUSE, False
        while not self._stopping.is_set():
            try:
                self.poll()
            except Exception as error:  # noqa: BLE001 - whatever it was, it is heard of later
                pause = self._lost(error, pause, told=told)
                told = True
            else:
                pause, told = SHORTEST_PAUSE, False
                self._stopping.wait(BETWEEN_SECONDS)

    def _lost(self, error: Exception, pause: float, *, told: bool) -> float:
        """Wait, and return how long to wait the next time."""
        self.connected = False
        self._after, self._tag = 0, None  # whatever it was that the CA did not take
        if not isinstance(error, PgwardError):
            log.error("the CA's news cannot be heard", exc_info=error)
        elif not told:
            log.warning("the CA cannot be used for now: %s", error)
        if isinstance(error, NotFoundError):
            pause = OLD_CA_PAUSE  # an older CA tells no news
        self._stopping.wait(pause * random.uniform(0.7, 1.3))  # noqa: S311 - spreads load
        return min(2 * pause, LONGEST_PAUSE)
