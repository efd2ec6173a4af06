"""Access that a person has by grants, as the agent sees it: it tells how soon it ends, and why.

Also where no tunnel is open: straight at PostgreSQL nobody else could say it.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from pgward.client.access import words
from pgward.client.services import ServiceInfo
from pgward.core.clock import Clock
from pgward.core.errors import PgwardError
from pgward.tunnel.agent.notices import LONGEST, Notice
from pgward.tunnel.local.endings import Endings

log = logging.getLogger("pgward.agent")

Answer = TypeVar("Answer")

ASK_SECONDS: Final = 300.0
"""How often the CA is asked though no end is near: for grants that are new."""
RETRY_SECONDS: Final = 30.0
WAIT_SECONDS: Final = 10.0


class Asked(Protocol):
    """A login session, which asks the CA (``pgward.client.session``); both block."""

    def services(self) -> list[ServiceInfo]:
        """Return what the person may use."""
        ...

    def ended_grants(self, service: str) -> Sequence[Mapping[str, Any]]:
        """Return what the person had at a service by grants, the newest first."""
        ...


class AccessWatch:
    """Has ``look`` called every few seconds; ``tell`` gets what a person should hear."""

    def __init__(
        self, clock: Clock, loop: asyncio.AbstractEventLoop, tell: Callable[[Notice], None]
    ) -> None:
        self._clock = clock
        self._loop = loop
        self._tell = tell
        self._endings = Endings()
        self._login: str | None = None
        self._known: dict[str, ServiceInfo] = {}  # by a grant
        self._ask_at = self._not_before = 0.0
        self._is_asking = False

    def is_due(self, login: str) -> bool:
        """Tell whether the CA is to be asked for this login now; then call ``ask``."""
        if login != self._login:
            self._login, self._known, self._endings = login, {}, Endings()
            self._ask_at = self._not_before = 0.0
        if self._is_asking or self._loop.time() < self._not_before:
            return False
        return self._loop.time() >= self._ask_at or any(map(self._is_near, self._known.values()))

    def hears(self, service: str, message: str) -> bool:
        """Hear why an edge ended a connection; tell whether that is told of here, and why."""
        if service not in self._known or message != _ended(service):
            return False
        self._ask_at = self._not_before = 0.0
        return True

    async def ask(self, session: Asked) -> None:
        """Ask the CA, and tell what is new: of what is known alone, while it is away."""
        login, self._is_asking = self._login, True
        try:
            found = await self._ask(session.services)
            if login != self._login:
                return  # somebody else is logged in by now
            await self._take(session, found)
        finally:
            self._is_asking = False

    async def _take(self, session: Asked, found: list[ServiceInfo] | None) -> None:
        now, before = self._clock.now(), self._known
        self._ask_at = self._loop.time() + ASK_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311
        if found is None:
            self._not_before = self._loop.time() + RETRY_SECONDS
            given = {n: each for n, each in before.items() if not _is_over(each, now)}
        else:
            given = {each.name: each for each in found if each.access is not None}
        self._known = given
        self._endings.keep(given)
        for each in given.values():
            text = self._endings.soon(each, now)
            if text is not None:
                self._tell(Notice(f"pgward: {each.name}", text))
        listed = set() if found is None else {each.name for each in found}
        for name in before.keys() - given.keys():
            await self._tell_end(session, name, stays=name in listed)

    async def _tell_end(self, session: Asked, name: str, *, stays: bool) -> None:
        text = f"what you were granted at {name} has ended" if stays else _ended(name)
        grants = await self._ask(lambda: session.ended_grants(name))
        why = f": {words.ending(grants[0])}" if grants else ""
        body = f"{text}{why}; pgward request {name}"
        self._tell(Notice(f"pgward: {name}", body[:LONGEST], urgent=True))

    async def _ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Return the CA's answer; None when it is away, or does not take the login."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await asyncio.to_thread(question)
        except (PgwardError, TimeoutError, KeyError, TypeError) as error:
            log.info("the CA does not say what was granted: %r", error)
            return None

    def _is_near(self, service: ServiceInfo) -> bool:
        now = self._clock.now()
        return _is_over(service, now) or self._endings.is_due(service, now)


def _is_over(service: ServiceInfo, now: datetime) -> bool:
    return service.access is not None and service.access.until <= now


def _ended(service: str) -> str:
    """Return what an edge says then."""
    return f"your access to {service} has ended"
