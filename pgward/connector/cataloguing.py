"""Look at servers on a schedule and when somebody asks, and tell the CA what they hold.

One thread does it for all integrations of a connector, one after the other: it makes roles wait
for nothing, and is in no hurry itself.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from pgward.connector.discovering import Catalog, Scope, Server, discover
from pgward.connector.own_thread import OwnThread
from pgward.core.clock import rfc3339
from pgward.core.errors import DeniedError, NotFoundError, PgwardError

log = logging.getLogger("pgward.connector")

FIRST_SECONDS: Final = 30.0
"""After a start the first looks come within so long, not all at once."""
RETRY_SECONDS: Final = 300.0
JITTER: Final = 0.1
_ROUNDS = 3
_MOST_FAILURE = 1000
_PATH = "/v1/connector/catalog"
_ZLIB = {"Content-Type": "application/octet-stream"}


class Ca(Protocol):
    """The CA, as a machine asks it."""

    def call(self, method: str, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Ask; raise PgwardError."""
        ...

    def put_content(
        self, path: str, content: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """PUT what is not JSON; raise PgwardError."""
        ...


class WatchedServer(Server, Protocol):
    """A server that can be hung up on."""

    def look(self, longest: float = ...) -> object:
        """Hang up on it where it answers nothing."""
        ...


def deliver(ca: Ca, integration: str, catalog: Catalog) -> int:
    """Tell the CA what a server holds; return how many pieces were new to it. Raises PgwardError.

    While that goes on, another look may be delivered by a connector that was there before us: then
    the CA misses pieces again.
    """
    pieces = {each.digest: each for part in catalog.parts.values() for each in part.pieces}
    body = _offer(integration, catalog)
    sent = 0
    for _ in range(_ROUNDS):
        missing = ca.call("POST", _PATH, body)["missing"]
        if not missing:
            return sent
        for digest in missing:
            piece = pieces[str(digest)]
            ca.put_content(f"{_PATH}/{integration}/{piece.digest}", piece.packed(), _ZLIB)
            sent += 1
    raise PgwardError(f"the CA does not keep what {integration} holds", hint="look at its log")


def _offer(integration: str, catalog: Catalog) -> dict[str, Any]:
    return {
        "integration": integration,
        "taken_at": rfc3339(catalog.taken_at),
        "seconds": catalog.seconds,
        "server_version": catalog.version,
        "databases": {
            name: {"pieces": [each.digest for each in part.pieces], "problem": part.problem}
            for name, part in catalog.parts.items()
        },
    }


@dataclass(slots=True)
class _Task:
    """An integration: how to reach it, and when it is looked at next (monotonic)."""

    server: Callable[[], WatchedServer]
    scope: Scope
    every: float | None
    asked: str | None = None
    due: float | None = None
    failing: str | None = None


class Cataloguer(OwnThread):
    """Looks at servers in a thread of its own."""

    def __init__(
        self,
        ca: Ca,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__("catalog")
        self._ca = ca
        self._now = now
        self._monotonic = monotonic
        self._chance = chance
        self._tasks: dict[str, _Task] = {}
        self._under_way: str | None = None
        self._server: WatchedServer | None = None

    def tell(
        self, name: str, server: Callable[[], WatchedServer], settings: Mapping[str, Any] | None
    ) -> None:
        """Say how an integration is looked at; ``asked`` in it that is new means now.

        Without ``every`` it is looked at when somebody asks only.
        """
        settings = settings or {}
        every, asked = settings.get("every"), settings.get("asked")
        with self._changed:
            known = self._tasks.get(name)
            task = _Task(server, Scope.read(settings), None if every is None else float(every))
            task.asked = None if asked is None else str(asked)
            task.failing = None if known is None else known.failing
            task.due = self._due(name, known, task)
            self._tasks[name] = task
            self._changed.notify_all()

    def drop(self, name: str) -> None:
        """Look at an integration no more."""
        with self._changed:
            self._tasks.pop(name, None)
            self._changed.notify_all()

    def look(self) -> None:
        """Hang up on a server that answers nothing; called now and then by another thread."""
        server = self._server
        if server is not None:
            server.look()

    def turn(self) -> float | None:
        """Look at what is due most; return after how many seconds the next one is due.

        0 when something was looked at, None when nothing ever is.
        """
        with self._changed:
            name, wait = self._next()
            if name is None or wait > 0:
                return None if name is None else wait
            task = self._tasks[name]
            task.due, self._under_way = None, name
        pause: float | None = RETRY_SECONDS  # unless it comes back with another one
        try:
            pause = self._look(name, task)
        finally:
            with self._changed:
                self._under_way, self._server = None, None
                current = self._tasks.get(name)
                # Asked for again meanwhile, it is due already.
                if current is not None and current.due is None and pause is not None:
                    current.due = self._after(pause)
        return 0

    def _run(self) -> None:
        while self._waited():
            try:
                self.turn()
            except Exception:  # it is tried again in its time
                log.exception("the catalog: an error of ours")

    def _waited(self) -> bool:
        """Wait until something is due; False when it is time to end."""
        with self._changed:
            while not self._ended:
                name, wait = self._next()
                if name is not None and wait <= 0:
                    return True
                self._changed.wait(None if name is None else wait)
            return False

    def _next(self) -> tuple[str | None, float]:
        """Return what is due next, and in how many seconds."""
        tasks = self._tasks.items()
        waiting = [(each.due, name) for name, each in tasks if each.due is not None]
        if not waiting:
            return None, 0
        due, name = min(waiting)
        return name, due - self._monotonic()

    def _look(self, name: str, task: _Task) -> float | None:
        """Do it; return in how many seconds to do it again."""
        try:
            self._server = server = task.server()
            catalog = discover(server, task.scope, now=self._now, go_on=lambda: not self._ended)
        except PgwardError as error:
            if not self._ended:
                self._failed(name, task, error)
            return self._retry(task)
        try:
            sent = deliver(self._ca, name, catalog)
        except PgwardError as error:
            self._tell_log(name, task, f"the CA does not take its catalog: {error}")
            return self._retry(task)
        self._tell_log(name, task, None)
        log.info("%s: looked at in %.1f s, %d pieces are new", name, catalog.seconds, sent)
        if task.every is None:
            return None
        return task.every * (1 + JITTER * (2 * self._chance() - 1))

    def _failed(self, name: str, task: _Task, error: PgwardError) -> None:
        told = str(error)
        self._tell_log(name, task, f"its server cannot be looked at: {told}")
        body = {"integration": name, "failure": told[:_MOST_FAILURE]}
        try:
            self._ca.call("POST", f"{_PATH}-failure", body)
        except (DeniedError, NotFoundError) as refusal:
            log.warning("%s: the CA wants no word of it: %s", name, refusal)
        except PgwardError as away:
            log.debug("%s: the CA is told at the next turn: %s", name, away)

    def _tell_log(self, name: str, task: _Task, failing: str | None) -> None:
        """Write what is news."""
        if failing is not None and failing != task.failing:
            log.warning("%s: %s", name, failing)
        task.failing = failing

    def _retry(self, task: _Task) -> float:
        """Return when to try again: what was asked for once is tried again, too."""
        return min(RETRY_SECONDS, task.every or RETRY_SECONDS)

    def _due(self, name: str, known: _Task | None, task: _Task) -> float | None:
        """Return when an integration is looked at next, of which there is new word."""
        is_asked = task.asked is not None and (known is None or task.asked != known.asked)
        if known is not None and is_asked:
            return self._after(0)
        is_same = known is not None and (known.every, known.scope) == (task.every, task.scope)
        if known is not None and (is_same or name == self._under_way):
            return known.due
        if task.every is None and not is_asked:
            return None
        return self._after(self._chance() * FIRST_SECONDS)

    def _after(self, seconds: float) -> float:
        return self._monotonic() + seconds
