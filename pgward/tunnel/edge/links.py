"""All live links of one edge process: the books, who may have a session, and what ends them."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pgward.core.clock import Clock
from pgward.tunnel import pgerror
from pgward.tunnel.edge.ca_time import CaTime
from pgward.tunnel.edge.carrying import Aware, Dialing, NotAware
from pgward.tunnel.edge.limits import Descriptors, Limits, no_descriptors
from pgward.tunnel.edge.state import EdgeState, Service
from pgward.tunnel.edge.timed import LOOK_SECONDS, Timed
from pgward.tunnel.lingering import Lingering
from pgward.tunnel.preface import Reason, RefusedError
from pgward.tunnel.sweep import SWEEP_SECONDS, sweep

if TYPE_CHECKING:  # a link knows its links
    from pgward.tunnel.edge.sessions import Link

log = logging.getLogger("pgward.edge")

LEAVE_SECONDS = 2.0

Record = Callable[[str, str, "Link", str | None], None]  # action, outcome, link, reason


def _no_record(_action: str, _outcome: str, _link: "Link", _reason: str | None) -> None:
    """Serve until someone listens."""


class Links:
    """All links of the process, and what they share."""

    def __init__(self, loop: asyncio.AbstractEventLoop, dialer: Dialing, clock: Clock) -> None:
        self.loop = loop
        self.dialer = dialer
        self.aware: Aware = NotAware()
        self.clock = clock
        self.limits = Limits()
        self.descriptors = Descriptors()
        self.live: set[Link] = set()
        self.by_user: Counter[str] = Counter()  # links, with a session or without
        self.draining = False
        self.lingering = Lingering(loop)
        self.state: EdgeState | None = None
        self.record: Record = _no_record
        self.refused: Callable[[RefusedError], None] = lambda _why: None
        # How far this machine's clock is ahead of the CA's.
        self.skew: Callable[[], timedelta] = timedelta
        self._ca_time = CaTime(clock, lambda: self.skew())  # noqa: PLW0108 - it is set later
        self.timed = Timed()
        self._empty: asyncio.Future[None] | None = None

    def adopt(self, state: EdgeState) -> None:
        """Decide by a new snapshot from now on, and cut what it no longer allows."""
        if self.state is not None:
            state = state.keeping(self.state)
        self.state = state
        if state.issued_at is not None:
            self._ca_time.is_at_least(state.issued_at)
        for link in tuple(self.live):
            try:
                link.adopt(state)
            except RefusedError as refusal:
                link.cut(refusal.reason, refusal)
        self.end_unproved()

    def ca_now(self) -> datetime:
        """Return the time at the CA."""
        return self._ca_time.now()

    def authorize(self, link: "Link", first: bytes) -> Service:
        """Return the service of a link that wants a session; raise RefusedError.

        To cancel a query that runs, nobody has to step up first, and there is room.
        """
        if self.draining:
            raise RefusedError(Reason.STOPPING)
        if self.state is None:
            raise RefusedError(Reason.STALE, "the edge has no configuration yet")
        at = self.ca_now()
        service = self.state.authorize(link.peer, link.service, self.clock.now(), at)
        self.timed.note(link, self.state, at)
        if service.step_up is not None and not pgerror.is_cancel(first):
            service.check_step_up(link.peer.user, at)
        if self.descriptors.are_short(link.socket.fileno()) and not pgerror.is_cancel(first):
            raise no_descriptors()
        return service

    def end_unproved(self) -> None:
        """Cut sessions whose second factor is too old, where the service wants that."""
        services = {} if self.state is None else self.state.services
        now = self.ca_now()
        for link in tuple(self.live):
            service = services.get(link.service)
            rule = None if service is None else service.step_up
            if rule is None or not rule.ends_sessions or not link.in_session:
                continue
            if not rule.is_proved(link.peer.user, now):
                link.cut(Reason.STEP_UP)

    def look_at_grants(self) -> None:
        """End sessions whose grant is over, and remind of those that are soon; again and again."""
        self.timed.look(self.state, self.ca_now())
        self.loop.call_later(LOOK_SECONDS, self.look_at_grants)

    def sweep(self) -> None:
        """End sessions whose socket has failed unseen, or that time ends; again after a while."""
        sweep(link.relay for link in self.live)
        self.end_unproved()
        self.loop.call_later(SWEEP_SECONDS, self.sweep)

    def begin_drain(self) -> None:
        """Close idle links and let sessions end by themselves."""
        self.draining = True
        for link in tuple(self.live):
            if not link.in_session:
                link.cut(Reason.STOPPING)

    async def drained(self) -> None:
        """Wait until no link is left."""
        while self.live:
            self._empty = self.loop.create_future()
            await self._empty

    async def left(self) -> None:
        """Give those that were cut a moment to read why; none lives any more."""
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.lingering.ended()
        except TimeoutError:
            log.debug("%d clients do not hear that the edge stops", len(self.lingering))
        self.lingering.close_now()

    def remember(self, link: "Link") -> None:
        """Take a new link into the books."""
        self.live.add(link)
        self.by_user[link.peer.user] += 1
        self.timed.note(link, self.state, self.ca_now())

    def forget(self, link: "Link") -> None:
        """Take a closed link from the books."""
        self.live.discard(link)
        self.timed.forget(link)
        self.by_user[link.peer.user] -= 1
        if not self.by_user[link.peer.user]:
            del self.by_user[link.peer.user]
        if not self.live and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)
