"""Tell the CA what a request would have run on a server, and whether it can be worked at all.

Nothing is changed there. Each integration's questions are answered one after the other, in a thread
that lives as long as there are some: a server that hangs holds up nobody else's.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pgward.access.plans import Plan, Problem
from pgward.access.questions import Question, answer, masked
from pgward.access.wanted import Wanted
from pgward.connector.assignment import ServerSettings
from pgward.connector.checking import Finding, check
from pgward.connector.looking import look_at_server, look_within
from pgward.connector.outcomes import MOST_LETTERS, storable
from pgward.connector.rooms import Rooms
from pgward.connector.rooms import Server as RoomsServer
from pgward.core.errors import PgwardError

log = logging.getLogger("pgward.connector")

MOST_STATEMENTS: Final = 500
MOST_LETTERS_IN_ALL: Final = 200_000
MOST_PROBLEMS: Final = 100
MOST_AT_ONCE: Final = 8
LONGEST_SECONDS: Final = 20.0
"""Nobody waits longer for a plan: a server that answers nothing for so long is hung up on."""
_PLAN: Final = "/v1/connector/plan"
_CHECK: Final = "/v1/connector/check"


@dataclass(frozen=True, slots=True)
class Trial:
    """The question whether a server can be worked, as its settings say; ``number`` is the CA's."""

    number: str
    settings: ServerSettings


Asked = Question | Trial


class Ca(Protocol):
    """The CA, as a machine asks it."""

    def call(self, method: str, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Ask; raise PgwardError."""
        ...


class Server(RoomsServer, Protocol):
    """A server that can be hung up on."""

    def look(self, longest: float = ...) -> object:
        """Hang up on it where it answers nothing."""
        ...

    def close(self) -> None:
        """Hold nothing any more."""
        ...


Live = Callable[[], Wanted]
"""Returns what is wanted now: live grants only."""


def plan_for(
    server: RoomsServer, integration: str, wanted: Wanted, question: Question
) -> dict[str, Any]:
    """Look at a server; return the answer as the CA takes it.

    Raises UnavailableError and DeniedError when the server cannot be looked at.
    """
    whole = question.beside(wanted)
    with Rooms(server) as rooms:
        seen = look_at_server(rooms, whole)
        facts = look_within(rooms, seen, whole, integration)
        more, problems = answer(question, wanted, facts, integration)
        if not more.writable:
            return _answer(failure="the server is a standby, which takes no changes")
        shown, left = _statements(more, rooms.first)
    return _answer(
        server_version=server.version,
        statements=shown,
        more=left,
        problems=_problems(problems),
    )


def _looked(server: Server, integration: str, live: Wanted, question: Asked) -> dict[str, Any]:
    if isinstance(question, Question):
        return plan_for(server, integration, live, question)
    found = check(integration, question.settings, server, heir=live.reassign_to)
    return {"findings": [_finding(each) for each in found]}


def _failed(error: PgwardError) -> dict[str, Any]:
    return {"findings": [_finding(Finding("", "connection", "problem", error.message, error.hint))]}


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "check": found.what,
        "verdict": found.verdict,
        "text": storable(found.text),
        "hint": None if found.hint is None else storable(found.hint),
    }


def _statements(more: Plan, first: str) -> tuple[list[dict[str, str]], int]:
    """Return as many as the CA takes, and how many there are beside."""
    shown: list[dict[str, str]] = []
    letters = count = 0
    for where, text in more.text():
        count += 1
        sql = storable(masked(text), MOST_LETTERS)
        letters += len(sql)
        if len(shown) + 1 == count <= MOST_STATEMENTS and letters <= MOST_LETTERS_IN_ALL:
            shown.append({"database": storable(where or first), "sql": sql})
    return shown, count - len(shown)


def _problems(found: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return the worst first."""
    worst = sorted(found, key=lambda each: not each.fatal)
    told = [{"text": storable(each.text), "fatal": each.fatal} for each in worst]
    return told[:MOST_PROBLEMS]


def _answer(**fields: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"server_version": None, "statements": [], "more": 0}
    return {**empty, "problems": [], "failure": None, **fields}


@dataclass(slots=True)
class _Desk:
    """An integration's questions by their numbers; ``done`` are those that were answered."""

    server: Callable[[], Server]
    live: Live
    waiting: dict[str, Asked] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    at_work: bool = False
    looks_at: Server | None = None


class Answerer:
    """Answers questions of the CA as they come."""

    def __init__(self, ca: Ca) -> None:
        self._ca = ca
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._desks: dict[str, _Desk] = {}
        self._threads: set[threading.Thread] = set()
        self._ended = False

    def tell(
        self,
        integration: str,
        server: Callable[[], Server],
        live: Live,
        questions: Sequence[Asked],
    ) -> None:
        """Say what the CA asks about an integration: these, and nothing else any more."""
        with self._lock:
            if self._ended or not (questions or integration in self._desks):
                return
            desk = self._desks.setdefault(integration, _Desk(server, live))
            desk.server, desk.live = server, live
            asked = {each.number: each for each in questions}
            desk.done &= asked.keys()
            desk.waiting = {key: each for key, each in asked.items() if key not in desk.done}
            if desk.waiting and not desk.at_work:
                self._begin(integration, desk)

    def drop(self, integration: str) -> None:
        """Answer nothing about an integration any more."""
        with self._lock:
            desk = self._desks.pop(integration, None)
            if desk is not None:
                desk.waiting.clear()

    def look(self) -> None:
        """Hang up on servers that answer nothing; called now and then by another thread."""
        self._hang_up(LONGEST_SECONDS)

    def stop(self, seconds: float) -> bool:
        """Begin nothing more, and break off what is under way; tell whether all has ended."""
        with self._lock:
            self._ended = True
            threads = list(self._threads)
            for desk in self._desks.values():
                desk.waiting.clear()
        self._hang_up(0.0)
        for each in threads:
            each.join(seconds)
        return not any(each.is_alive() for each in threads)

    def _hang_up(self, longest: float) -> None:
        with self._lock:
            servers = [each.looks_at for each in self._desks.values()]
        for each in servers:
            if each is not None:
                each.look(longest)

    def _begin(self, integration: str, desk: _Desk) -> None:
        desk.at_work = True
        name = f"pgward-plans-{integration}"
        thread = threading.Thread(
            target=self._run, args=(integration, desk), name=name, daemon=True
        )
        self._threads.add(thread)
        thread.start()

    def _run(self, integration: str, desk: _Desk) -> None:
        with self._room:
            while (question := self._next(desk)) is not None:
                try:
                    self._answer(integration, desk, question)
                except Exception:  # the others are answered
                    log.exception("%s: a plan: an error of ours", integration)

    def _next(self, desk: _Desk) -> Asked | None:
        """Take the oldest question; with none left, the thread's work is over."""
        with self._lock:
            if not desk.waiting:
                desk.at_work = False
                self._threads.discard(threading.current_thread())
                return None
            number = next(iter(desk.waiting))
            desk.done.add(number)
            return desk.waiting.pop(number)

    def _answer(self, integration: str, desk: _Desk, question: Asked) -> None:
        """Look, and tell; what the CA does not hear of somebody asks again."""
        is_plan = isinstance(question, Question)
        try:
            server = desk.looks_at = desk.server()
            try:
                told = _looked(server, integration, desk.live(), question)
            finally:
                desk.looks_at = None
                server.close()
        except PgwardError as error:
            told = _answer(failure=storable(str(error))) if is_plan else _failed(error)
        whose = {"integration": integration, "number": question.number}
        if isinstance(question, Question):
            whose["request"] = question.request
        try:
            self._ca.call("POST", _PLAN if is_plan else _CHECK, {**whose, **told})
        except PgwardError as error:
            log.warning("%s: the CA does not hear a plan: %s", integration, error)
