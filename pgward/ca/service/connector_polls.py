"""The long polls of connectors: each hears of its own integrations, and only when those change."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca.access import asked_checks, asked_plans, live, wanted_builder
from pgward.ca.identity.machines import Machine
from pgward.ca.store import Store
from pgward.ca.store.transaction import versions

# Accounts begin and end without a change of the store.
_WORTH = timedelta(seconds=20)
_MOST = 1_000  # connectors whose answers are remembered


class Versions(Protocol):
    """Knows the store's newest version, and waits for later ones."""

    @property
    def version(self) -> int:
        """The newest version that was read."""
        ...

    async def wait(self, after: int, seconds: float) -> int:
        """Return the version as soon as it is above ``after``, or when the time is over."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a connector is told, as of a version of the store."""

    version: int
    tag: str
    read_at: datetime
    integrations: list[dict[str, Any]]
    # Grows when more than grants changes.
    rest: int = 0

    @property
    def names(self) -> set[str]:
        """Of its integrations."""
        return {str(each["name"]) for each in self.integrations}

    @property
    def questions(self) -> set[tuple[str, str]]:
        """What is asked about its integrations: their names, and the numbers of questions."""
        plans = {
            (each["name"], one["number"]) for each in self.integrations for one in each["questions"]
        }
        return plans | {
            (each["name"], each["check"]) for each in self.integrations if each["check"]
        }


class ConnectorPolls:
    """Answers a poll as soon as there is something that its connector does not know."""

    def __init__(self, store: Store, changes: Versions, now: Callable[[], datetime]) -> None:
        self._store, self._changes, self._now = store, changes, now
        self._lock = threading.Lock()
        self._known: dict[str, Answer] = {}

    async def newer(self, machine: Machine, after: int, tag: str, seconds: float) -> Answer | None:
        """Return what a connector does not know that knows ``tag`` as of ``after``; None in time.

        A replica that is behind has nothing to tell.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            found = await run_sync(self.get, machine)
            if found.version >= after and found.tag != tag:
                return found
            left = deadline - loop.time()
            version = 0 if left <= 0 else await self._changes.wait(found.version, left)
            if version <= found.version:  # the time is over, or the server stops
                return None

    def get(self, machine: Machine) -> Answer:
        """Return what a connector is told now; blocks."""
        now = self._now()
        with self._lock:
            known = self._known.get(machine.actor)
        with self._store.read() as connection:
            found = self._of(connection, machine, known, now)
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[machine.actor] = found
        return found

    def _of(
        self, connection: Connection, machine: Machine, known: Answer | None, now: datetime
    ) -> Answer:
        version, rest = versions(connection)
        is_fresh = known is not None and abs(now - known.read_at) < _WORTH
        # One that knows more than the store is of before a restore.
        if known is not None and is_fresh and known.rest == rest and known.version <= version:
            if known.version == version:
                return known
            # Grants and questions alone have changed, and perhaps elsewhere.
            changed = live.changed_integrations(connection, known.version)
            asked = asked_plans.numbers(connection, now) | asked_checks.numbers(connection, now)
            changed |= {integration for integration, _ in asked ^ known.questions}
            if not known.names & changed:
                return replace(known, version=version)
        told = wanted_builder.of_machine(connection, machine, version, now)
        return Answer(version, wanted_builder.tag_of(told), now, told, rest)
