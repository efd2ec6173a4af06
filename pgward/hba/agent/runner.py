"""Gives a duty its turns, in a thread of its own, and knows how it fares."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pgward.core.clock import Clock
from pgward.core.errors import PgwardError
from pgward.hba.agent.duty import Done, Duty, Turn

log = logging.getLogger("pgward.hba")

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
STUCK_SECONDS = 120.0
"""A turn that takes so long hangs; its thread is left alone, and everyone is told."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a duty fares: when a turn last went well, and what is wrong since."""

    name: str
    turns: int
    failures: int
    last_good: datetime | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; a duty whose first turn is not over is not there yet."""
        return self.last_good is not None and not self.problems


class Runner:
    """One duty and its thread; ``news`` gives what the CA told last."""

    def __init__(
        self,
        duty: Duty,
        clock: Clock,
        *,
        news: Callable[[], Mapping[str, str]] = dict,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.duty = duty
        self._clock = clock
        self._news = news
        self._monotonic = monotonic
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._began: float | None = None
        self._turns = self._failures = 0
        self._last_good: datetime | None = None
        self._problems: tuple[str, ...] = ()
        self._pause = FIRST_PAUSE

    def start(self) -> None:
        """Give turns from now on, the first at once."""
        self._thread = threading.Thread(
            target=self._run, name=f"pgward-{self.duty.name}", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """Give a turn now, or after the one that is under way."""
        self._wanted.set()

    def stop(self) -> None:
        """Begin no further turn."""
        self._stopping.set()
        self._wanted.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end of the last turn; tell whether it has come."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def standing(self) -> Standing:
        """Tell how the duty fares."""
        with self._lock:
            problems = self._problems
            if self._began is not None and self._monotonic() - self._began > STUCK_SECONDS:
                problems = (*problems, f"a turn has not ended for {STUCK_SECONDS:g} seconds")
            return Standing(self.duty.name, self._turns, self._failures, self._last_good, problems)

    def turn(self) -> float:
        """Give one turn; return the seconds until the next is due."""
        with self._lock:
            self._began = self._monotonic()
        try:
            done = self.duty.run(Turn(self._clock.now(), self._news()))
        except PgwardError as error:
            done = Done(self._later(), (str(error),))
        except Exception as error:  # a duty that ended would never be done again
            log.exception("%s failed", self.duty.name)
            done = Done(self._later(), (f"{type(error).__name__}: {error}",))
        else:
            self._pause = FIRST_PAUSE
        self._take_note(done)
        return done.due_in

    def _later(self) -> float:
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return pause

    def _take_note(self, done: Done) -> None:
        with self._lock:
            before, self._problems, self._began = self._problems, done.problems, None
            self._turns += 1
            self._failures += bool(done.problems)
            if not done.problems:
                self._last_good = self._clock.now()
        for problem in done.problems:
            if problem not in before:
                log.warning("%s: %s", self.duty.name, problem)
        if before and not done.problems:
            log.info("%s: all is well again", self.duty.name)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wanted.clear()
            self._wanted.wait(self.turn())
        self.duty.close()
