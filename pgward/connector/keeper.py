"""One integration and its thread: it makes what is wanted, and ends what is over in time."""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from pgward.access.wanted import Wanted
from pgward.connector.assignment import Assignment, ServerSettings
from pgward.connector.clock import CaClock
from pgward.connector.lock import HeldError
from pgward.connector.outcomes import Outcome, Telling, lines, reports, storable
from pgward.connector.server import StandbyError
from pgward.core.clock import precise_rfc3339, rfc3339
from pgward.core.errors import DeniedError, PgwardError, UnavailableError

log = logging.getLogger("pgward.connector")

LOOK_SECONDS: Final = 60.0
"""How often a server is looked at though nothing is new: for what was changed by hand."""
SHARE: Final = 20
"""A look that takes long is taken less often: it is at work a part of the time, at most."""
SLICE_SECONDS: Final = 2.0
"""The longest wait at a stretch: a machine that slept wakes up in the middle of one."""
FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = {"away": 2.0, "standby": 2.0, "refused": 15.0}
_OTHER_PAUSE: Final = 3.0
"""What is over ends within five seconds, once nothing is in the way any more."""
_FAILING_PAUSE: Final = 15.0
HEALTH_SECONDS: Final = 300.0
LOST_SECONDS: Final = 2.0
"""Who hangs up on us again and again is not looked at without end."""
GIVES_WAY_SECONDS: Final = 1.0
"""A turn that goes on for longer makes room for an end: somebody may hold a lock to delay it."""


class Server(Protocol):
    """What a keeper asks of a server; provisioning asks more."""

    version: int
    notes: tuple[str, ...]
    takes: int

    def hold(self) -> None:
        """Be the one connector that works it."""
        ...

    def look(self, longest: float = ...) -> int:
        """Hang up on it where it answers nothing for so long; return how many waited."""
        ...

    def is_lost(self) -> bool:
        """Tell whether it hung up on us, and nobody has noticed."""
        ...

    def close(self) -> None:
        """Hold nothing any more."""
        ...


class Reconcile(Protocol):
    """Makes a server as it is wanted; with ``give`` False it only takes away."""

    def __call__(self, server: Any, integration: str, wanted: Wanted, *, give: bool) -> Outcome:
        """Return what came of it; raise PgwardError when the server cannot be worked."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    """How an integration fares."""

    state: str = "away"
    problem: str | None = "its first turn is not over"
    server_version: int | None = None

    def to_json(self, now: datetime | None) -> dict[str, Any]:
        """Return it as the CA is told."""
        return {
            "state": self.state,
            "problem": None if self.problem is None else storable(self.problem),
            "server_version": self.server_version,
            "at": None if now is None else precise_rfc3339(now),
        }


class Keeper:
    """Works one server in a thread of its own; ``report`` gets what the CA should hear.

    ``open_server`` makes the way to a server; ``ask`` has the CA say whether its word still holds,
    which ``confirm`` hears. ``monotonic`` returns seconds.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: CaClock,
        open_server: Callable[[ServerSettings], Server],
        reconcile: Reconcile,
        report: Callable[[Mapping[str, Any]], None],
        ask: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._clock = clock
        self._open_server = open_server
        self._reconcile = reconcile
        self._report = report
        self._ask = ask
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._server: Server | None = None
        self._settings: ServerSettings | None = None
        self._telling = Telling()
        self._must_retell = False
        self._assignment: Assignment | None = None
        self._version = 0
        self._spoken = False
        self._takes, self._confirmed = 0, True
        self._unread: str | None = None
        self._due = 0.0
        self._began = -math.inf
        self._next_end: datetime | None = None
        self._pause = FIRST_PAUSE
        self._turn: tuple[float, frozenset[str]] | None = None  # since when, with which grants
        self._gave_way = False
        self._health_told: tuple[Condition, float] = (Condition(), -math.inf)
        self.condition = Condition()
        self.turns = 0
        self.last_good: datetime | None = None

    def tell(self, assignment: Assignment, version: int, *, spoken: bool) -> None:
        """Give it what the CA says; ``spoken`` is False for what was kept from an earlier life."""
        with self._lock:
            is_known = (self._spoken or not spoken) and self._unread is None
            is_known = is_known and assignment.wants_as(self._assignment)
            self._assignment, self._version, self._unread = assignment, version, None
            self._spoken = self._spoken or spoken
        if not is_known:
            self._woken.set()

    def tell_unread(self, problem: str) -> None:
        """Tell it that the CA's newest word on it cannot be read: what was before goes on."""
        with self._lock:
            self._unread = problem
        self._woken.set()

    def confirm(self) -> None:
        """Hear that what the CA said last is still so."""
        with self._lock:
            is_news, self._confirmed = not self._confirmed, True
        if is_news:
            self._woken.set()

    def retell(self) -> None:
        """Have all of it told to the CA again, with the next turn."""
        with self._lock:
            self._must_retell = True
        self._woken.set()

    def start(self) -> None:
        """Work from now on."""
        thread = threading.Thread(target=self._run, name=f"pgward-keeper-{self.name}", daemon=True)
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """Begin no further turn."""
        self._stopping.set()
        self._woken.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end of the last turn, then hang up; tell whether it has ended by itself."""
        thread, server = self._thread, self._server
        if thread is None:
            return True
        thread.join(seconds)
        if thread.is_alive() and server is not None:
            server.look(0.0)
            thread.join(1.0)
            return False
        return True

    def look(self) -> None:
        """Hang up on a server that answers nothing, or a turn that delays an end.

        One that hung up on us is looked at: it may be behind by now, as a standby that took over.
        For another thread to call, every second or so.
        """
        server = self._server
        if server is not None:
            server.look()
            if self._delays_an_end() and server.look(0.0):
                self._gave_way = True
            if server.is_lost() and self._monotonic() - self._began >= LOST_SECONDS:
                self._woken.set()

    def _delays_an_end(self) -> bool:
        """Tell whether a turn goes on for long, and grants that it began with are over."""
        turn, now = self._turn, self._clock.now()
        with self._lock:
            assignment = self._assignment
        if turn is None or now is None or assignment is None:
            return False
        began, grants = turn
        if self._monotonic() - began < GIVES_WAY_SECONDS:
            return False
        return not grants <= {each.id for each in assignment.wanted.live(now).grants}

    def facts(self) -> dict[str, Any]:
        """Return how it fares."""
        with self._lock:
            assignment, condition = self._assignment, self.condition
            now = self._clock.now()
        live = 0 if assignment is None or now is None else len(assignment.wanted.live(now).grants)
        return {
            "integration": self.name,
            "ok": condition.state == "ok" and condition.problem is None,
            "state": condition.state,
            "problem": condition.problem,
            "server": None if assignment is None else assignment.settings.address,
            "server_version": condition.server_version,
            "grants": live,
            "next_end": None if self._next_end is None else rfc3339(self._next_end),
            "last_good": None if self.last_good is None else rfc3339(self.last_good),
            "turns": self.turns,
        }

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                self.turn()
            except Exception:  # a thread that ended would end nothing any more
                log.exception("%s: a turn failed", self.name)
                self._due = self._monotonic() + _OTHER_PAUSE
            self._wait()
        if self._server is not None:
            self._server.close()

    def _wait(self) -> None:
        while not self._stopping.is_set():
            left = self.due_in()
            if left <= 0 or self._woken.wait(min(left, SLICE_SECONDS)):
                return

    def due_in(self) -> float:
        """Return in how many seconds a turn is due: then, or when the next grant is over."""
        left = self._due - self._monotonic()
        now = self._clock.now()
        if self._next_end is not None and now is not None:
            left = min(left, (self._next_end - now).total_seconds())
        return left

    def turn(self) -> None:
        """Do one round; what goes wrong is told, and tried again."""
        with self._lock:
            assignment, spoken, version = self._assignment, self._spoken, self._version
            unread, must_retell, self._must_retell = self._unread, self._must_retell, False
        now, began = self._clock.now(), self._monotonic()
        self._began = began
        if must_retell:
            self._telling.forget()
        if assignment is None or now is None:
            self._due = math.inf  # until the CA says something
            return
        live = assignment.wanted.live(now)
        self._next_end = live.next_end(now)
        self._turn, self._gave_way = (began, frozenset(each.id for each in live.grants)), False
        try:
            server = self._reach(assignment.settings)
            server.hold()
            give = spoken and self._is_confirmed(server)
            outcome = self._reconcile(server, self.name, live, give=give)
        except PgwardError as error:
            self._failed(assignment, version, error, now)
        except Exception as error:  # told like the others, and with its traceback
            log.exception("%s: a turn failed", self.name)
            self._failed(assignment, version, error, now)
        else:
            self._done(assignment, version, outcome, unread, began, give=give)
        finally:
            self._turn = None
        self.turns += 1

    def _is_confirmed(self, server: Server) -> bool:
        """Tell whether the CA has spoken since the server is ours.

        Another connector may have worked it meanwhile, and have taken what ours knows of no end.
        """
        with self._lock:
            if server.takes != self._takes:
                self._takes, self._confirmed = server.takes, False
            confirmed = self._confirmed
        if not confirmed:
            self._ask()
        return confirmed

    def _reach(self, settings: ServerSettings) -> Server:
        if self._server is None or self._settings != settings:
            self._takes = 0
            if self._server is not None:
                self._server.close()
            self._server, self._settings = self._open_server(settings), settings
        return self._server

    def _done(
        self,
        assignment: Assignment,
        version: int,
        outcome: Outcome,
        unread: str | None,
        began: float,
        *,
        give: bool,
    ) -> None:
        now = self._clock.now()
        if now is None:
            return
        notes = () if self._server is None else self._server.notes
        problems = [*([unread] if unread else []), *notes, *outcome.problems]
        grants = self._telling.grants(assignment, outcome, now, give=give)
        for line in lines(assignment, grants):
            log.info("%s: %s", self.name, line)
        version_there = None if self._server is None else self._server.version
        self._note(Condition("ok", "; ".join(problems) or None, version_there))
        self.last_good = now
        self._send(assignment, version, grants, outcome, now)
        seconds = self._monotonic() - began
        if outcome.left:
            self._due = self._monotonic() + max(self._later(_OTHER_PAUSE), seconds)
        elif self._telling.is_failing:
            self._due = self._monotonic() + self._later(_FAILING_PAUSE)
        else:
            self._pause = FIRST_PAUSE
            self._due = self._monotonic() + max(LOOK_SECONDS, SHARE * seconds)

    def _failed(
        self, assignment: Assignment, version: int, error: Exception, now: datetime
    ) -> None:
        if self._gave_way:
            self._gave_way, self._due = False, self._monotonic()
            return
        state = state_of(error)
        text = str(error) if isinstance(error, PgwardError) else type(error).__name__
        hint = getattr(error, "hint", None)
        self._note(Condition(state, f"{text}; {hint}" if hint else text, None))
        self._send(assignment, version, [], None, now)
        self._due = self._monotonic() + self._later(_LONGEST_PAUSE.get(state, _OTHER_PAUSE))

    def _later(self, longest: float) -> float:
        pause, self._pause = min(self._pause, longest), min(2 * self._pause, longest)
        return pause

    def _note(self, condition: Condition) -> None:
        before, self.condition = self.condition, condition
        if condition.problem is not None and condition.problem != before.problem:
            log.warning("%s: %s", self.name, condition.problem)
        if condition.problem is None and before.problem is not None:
            log.info("%s: all is as it should be", self.name)

    def _send(
        self,
        assignment: Assignment,
        version: int,
        grants: list[dict[str, Any]],
        outcome: Outcome | None,
        now: datetime,
    ) -> None:
        """Report what is new; and from time to time that nothing is."""
        told, at = self._health_told
        is_due = self._monotonic() - at >= HEALTH_SECONDS
        work = outcome is not None and (outcome.drift or outcome.statements)
        passwords = {} if outcome is None else self._telling.passwords(outcome)
        if not (grants or passwords or work or is_due or told != self.condition):
            return
        self._health_told = self.condition, self._monotonic()
        health = self.condition.to_json(now)
        for each in reports(
            assignment,
            version,
            grants=grants,
            outcome=outcome,
            health=health,
            now=now,
            passwords=passwords,
        ):
            self._report(each)


def state_of(error: Exception) -> str:
    """Return the word for what hinders a turn."""
    if isinstance(error, HeldError):
        return "locked"
    if isinstance(error, StandbyError):
        return "standby"
    if isinstance(error, UnavailableError):
        return "away"
    return "refused" if isinstance(error, DeniedError) else "failing"
