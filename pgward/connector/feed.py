"""Hears from the CA what is wanted: one long poll after the other, in a thread of its own."""

import logging
import random
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from pgward.connector.assignment import Told
from pgward.connector.clock import CaClock
from pgward.connector.keeping import Keeping
from pgward.core.errors import PgwardError, UnavailableError

log = logging.getLogger("pgward.connector")

WAIT: Final = 20.0
STALE_SECONDS: Final = WAIT + 15.0
"""An answer that took longer lay somewhere: a process that stood still reads what is long over."""
SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0
BETWEEN_SECONDS: Final = 0.05
"""Between two polls: a CA that has news without end is not asked without end."""
_CLOCK_POLLS: Final = 3  # about a minute

Integrations = Mapping[str, Mapping[str, Any]]
OnTold = Callable[[Integrations], None]
"""Gets the fields of every integration that this connector has."""


class Ca(Protocol):
    """The CA, as the connector's machine identity reaches it."""

    def renew_if_due(self) -> bool:
        """Renew the connector's certificate when a third of its life is left."""
        ...

    def wanted(self, after: int, tag: str | None, wait: float) -> dict[str, Any]:
        """Return what is wanted, or nothing where nothing changed within ``wait`` seconds."""
        ...


class StaleError(UnavailableError):
    """The CA tells an older version than it told before."""


class Feed:
    """Knows the newest version; ``on_told`` gets each answer, and what was kept before the first.

    ``on_return`` is called when the CA is back that was away: reports to it may be lost;
    ``on_word`` when it has answered, after ``on_told`` where there were news.
    """

    def __init__(
        self,
        ca: Ca,
        clock: CaClock,
        keeping: Keeping,
        *,
        on_kept: OnTold,
        on_told: OnTold,
        on_return: Callable[[], None] = lambda: None,
        on_word: Callable[[], None] = lambda: None,
    ) -> None:
        self._ca = ca
        self._clock = clock
        self._keeping = keeping
        self._on_kept = on_kept
        self._on_told = on_told
        self._on_return = on_return
        self._on_word = on_word
        self._asking = threading.Lock()
        self._stopping = threading.Event()
        self._floor = 0
        self._tag: str | None = None
        self._polls = 0
        self.spoken = False
        self.connected = False
        self.problem: str | None = "the CA has not answered yet"

    @property
    def version(self) -> int:
        """The newest version that is known."""
        return self._floor

    def load_kept(self) -> None:
        """Begin with what the CA told another process of ours."""
        kept = self._keeping.load()
        self._floor = kept.version
        if kept.clock is not None:
            try:
                self._clock.restore(kept.clock)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                log.error("the CA's clock that was kept cannot be read: %r", error)
        if kept.integrations:
            self._on_kept(kept.integrations)

    def start(self) -> None:
        """Poll from now on, until ``stop`` or the end of the process."""
        threading.Thread(target=self._run, name="pgward-feed", daemon=True).start()

    def stop(self) -> None:
        """Begin no further poll."""
        self._stopping.set()

    def poll(self) -> None:
        """Do one long poll; raise PgwardError."""
        self._ca.renew_if_due()
        # The first answer after a loss must come at once: it says that the CA is there.
        after, began = self._floor if self._tag is not None else 0, self._clock.seconds()
        reply = self._ca.wanted(after, self._tag, WAIT if self.connected else 0)
        told = self._read(reply) if reply else None
        if not self.connected:
            log.info("connected to the CA")
            self.connected, self.problem = True, None
            self._on_return()
        if told is not None:
            self._adopt(told, reply.get("tag"))
        if self._clock.seconds() - began < STALE_SECONDS:
            self._on_word()
        self._polls += 1
        if self._polls % _CLOCK_POLLS == 0:
            self._keep_clock()

    def ask(self) -> None:
        """Have the CA say soon, and not only at the end of a long poll, whether there are news."""
        if self.connected and self._asking.acquire(blocking=False):
            threading.Thread(target=self._ask, name="pgward-feed-ask", daemon=True).start()

    def _ask(self) -> None:
        try:
            # News come with the poll under way, and are what it says then.
            if self._tag is not None and not self._ca.wanted(self._floor, self._tag, 0):
                self._on_word()
        except PgwardError as error:
            log.debug("the CA was asked in vain: %s", error)
        finally:
            self._asking.release()

    def _read(self, reply: Mapping[str, Any]) -> Told:
        told = Told.read(reply)
        if told.version < self._floor:
            raise StaleError(
                f"what the CA tells is older ({told.version}) than what it told before"
                f" ({self._floor}): it is not taken",
                hint="was its store put back by hand? `pgward ca restore` goes on above it",
            )
        return told

    def _adopt(self, told: Told, tag: object) -> None:
        self._clock.heard(told.now)
        self._floor, self.spoken = told.version, True
        self._on_told(told.integrations)
        self._tag = str(tag) if tag else None
        self._keeping.keep(told.version, self._clock.to_json(), told.integrations)

    def _keep_clock(self) -> None:
        if self.spoken:
            try:
                self._keeping.keep_clock(self._floor, self._clock.to_json())
            except PgwardError as error:
                log.error("the CA's clock cannot be kept: %s", error)

    def _run(self) -> None:
        pause, told = SHORTEST_PAUSE, ""
        while not self._stopping.is_set():
            try:
                self.poll()
            except Exception as error:  # noqa: BLE001 - whatever it was, the CA is heard later
                told = self._lost(error, told)
                self._stopping.wait(pause * random.uniform(0.7, 1.3))  # noqa: S311 - spreads load
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause, told = SHORTEST_PAUSE, ""
                self._stopping.wait(BETWEEN_SECONDS)

    def _lost(self, error: Exception, told: str) -> str:
        """Take note, and return what is told by now: a CA that is away is told of once."""
        self.connected, self._tag = False, None
        if not isinstance(error, PgwardError):
            log.error("the CA cannot be heard", exc_info=error)
            self.problem = f"{type(error).__name__}: {error}"
            return self.problem
        self.problem = str(error)
        kind = type(error).__name__
        if kind != told:
            hint = f"; {error.hint}" if error.hint else ""
            log.warning("the CA cannot be used for now: %s%s", error, hint)
        return kind
