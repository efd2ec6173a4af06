"""The duty ``sessions``: ends what runs on a certificate that counts no more, and sees it gone."""

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from pgward.audit.events import AuditEvent, Outcome
from pgward.core.errors import PgwardError
from pgward.core.names import UNKNOWN
from pgward.hba.agent.backends import Backend, Revoked, Sentence, Verdicts, judge
from pgward.hba.agent.duty import Done, Turn
from pgward.hba.agent.interfaces import Events

log = logging.getLogger("pgward.hba")

SWEEP_SECONDS = 5.0
"""How often the server is asked though nothing is new; a session may begin between two lists."""
GONE_SECONDS = 0.1
"""How soon it is looked whether a session has ended that was told to: nothing announces it."""
STUBBORN_SECONDS = 10.0


class Sessions(Protocol):
    """The server's sessions that began with a certificate."""

    @property
    def hindrance(self) -> str | None:
        """Why none could be ended, as was seen when they were asked for last."""
        ...

    def every(self) -> list[Backend]:
        """Return them all; raise PgwardError."""
        ...

    def end(self, backend: Backend) -> bool:
        """Tell exactly this one to end; False when it has ended already."""
        ...

    def close(self) -> None:
        """Close the way to them."""
        ...


class Word(Protocol):
    """What the CA says of certificates and people."""

    @property
    def verdicts(self) -> Verdicts:
        """What it said last."""
        ...

    def saw(self, backends: Sequence[Backend]) -> None:
        """Take note of whose sessions run, to ask about them."""
        ...


@dataclass(slots=True)
class _Told:
    """A session that was told to end, and when (monotonic)."""

    sentence: Sentence
    since: float
    is_stubborn: bool = False


class Ending:
    """Looks at each session, at once when the CA has news and every few seconds besides.

    ``revoked`` gives what the lists at hand say: those that are installed, and the newest that
    came. ``host`` is who tells in the audit log.
    """

    name = "sessions"
    follows = frozenset({"crls", "endings"})

    def __init__(
        self,
        sessions: Sessions,
        word: Word,
        revoked: Callable[[], Sequence[Revoked]],
        events: Events,
        *,
        host: str,
        end_at_expiry: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._word = word
        self._revoked = revoked
        self._events = events
        self._host = host
        self._end_at_expiry = end_at_expiry
        self._monotonic = monotonic
        self._told: dict[tuple[int, str], _Told] = {}
        self.ended = 0

    def run(self, turn: Turn) -> Done:
        """Judge every session; each problem stands for itself and holds up none of the others."""
        problems: list[str] = []
        backends = self._sessions.every()
        if self._sessions.hindrance is not None:
            problems.append(self._sessions.hindrance)
        self._see_gone(backends)
        self._word.saw(backends)
        lists: Sequence[Revoked] = ()
        with _gathered(problems):
            lists = self._revoked()
        verdicts = self._word.verdicts
        for sentence in judge(
            backends, lists, verdicts, turn.now, end_at_expiry=self._end_at_expiry
        ):
            backend = sentence.backend
            with _gathered(problems, f"session {backend.pid} of {_who(backend)} goes on: "):
                self._carry_out(sentence, turn.now)
        problems += self._stubborn(turn.now)
        return Done(GONE_SECONDS if self._waits() else SWEEP_SECONDS, tuple(problems))

    def close(self) -> None:
        """Close the way to the server."""
        self._sessions.close()

    def _waits(self) -> bool:
        return any(not told.is_stubborn for told in self._told.values())

    def _carry_out(self, sentence: Sentence, now: datetime) -> None:
        """Record it first, under an id of its own: a kill in between loses and doubles nothing."""
        backend = sentence.backend
        is_new = backend.key not in self._told
        if is_new:
            self._told[backend.key] = _Told(sentence, self._monotonic())
            self._record(sentence, "ok", sentence.why, now)
            log.warning("session %d of %s must end: %s", backend.pid, _who(backend), sentence.why)
        if self._sessions.end(backend) and is_new:
            self.ended += 1

    def _see_gone(self, backends: Sequence[Backend]) -> None:
        live = {backend.key for backend in backends}
        for key in [key for key in self._told if key not in live]:
            backend = self._told.pop(key).sentence.backend
            log.info("session %d of %s is gone", backend.pid, _who(backend))

    def _stubborn(self, now: datetime) -> list[str]:
        """Tell of sessions that do not end: in a system call, say, that never returns."""
        problems = []
        for told in self._told.values():
            if self._monotonic() - told.since < STUBBORN_SECONDS:
                continue
            backend = told.sentence.backend
            problem = (
                f"session {backend.pid} of {_who(backend)} was told to end and goes on "
                f"({told.sentence.why})"
            )
            if not told.is_stubborn:
                told.is_stubborn = True
                self._record(told.sentence, "failed", problem, now)
            problems.append(problem)
        return problems

    def _record(self, sentence: Sentence, outcome: Outcome, why: str, now: datetime) -> None:
        backend = sentence.backend
        event = AuditEvent.make(
            time=now,
            actor=backend.person or UNKNOWN,
            action="session.cut",
            outcome=outcome,
            target=backend.database or None,
            reason=why,
            client=backend.client,
            details={
                "host": self._host,
                "role": backend.role,
                "pid": backend.pid,
                "began": backend.started,
                "serial": backend.serial_hex,
            },
        )
        told = replace(event, id=_event_id(self._host, backend, outcome))
        self._events.append(told.to_json())


def _event_id(host: str, backend: Backend, outcome: Outcome) -> str:
    """Return the same id whenever the same thing happens to the same session."""
    text = f"{host} {backend.pid} {backend.started} {outcome}"
    return hashlib.sha256(text.encode()).hexdigest()[:40]


@contextlib.contextmanager
def _gathered(problems: list[str], about: str = "") -> Iterator[None]:
    try:
        yield
    except PgwardError as error:
        problems.append(f"{about}{error}")


def _who(backend: Backend) -> str:
    return f"{backend.person or backend.subject} as {backend.role}"
