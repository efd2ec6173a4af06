"""Links to the edge that are authenticated and wait, so that a connection costs no round trip.

A link carries one session after another: it comes back here when a session ended cleanly.
Links are made in the background, and let go when the certificate behind them is replaced.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pgward.client.services import EdgeInfo
from pgward.core.errors import PgwardError, UnavailableError
from pgward.tunnel.preface import CONTROL_SIZE, Controls, Reason, RefusedError
from pgward.tunnel.tls import TlsConnection

log = logging.getLogger("pgward.tunnel")

DIAL_TIMEOUT = 10.0
# Handshakes under way at once: more would only compete for the processor.
DIALS_AT_ONCE = 8
IDLE_SECONDS = 60.0

_record = bytearray(16 * 1024)


@dataclass(slots=True, eq=False)
class ReadyLink:
    """An open link that no session uses; ``epoch`` is the certificate it was opened with."""

    tls: TlsConnection
    controls: Controls
    epoch: int
    idle_since: float = 0.0


class Connect(Protocol):
    """Opens one link to one edge."""

    async def __call__(self, edge: EdgeInfo) -> tuple[TlsConnection, Controls]:
        """Return the link and its controls; raise RefusedError or UnavailableError."""
        ...


@dataclass(slots=True)
class Pool:
    """Keeps ``spare`` links ready and at most ``most_idle`` after a burst."""

    loop: asyncio.AbstractEventLoop
    edges: Callable[[], Sequence[EdgeInfo]]
    connect: Connect
    spare: int = 4
    most_idle: int = 128
    refusal: PgwardError | None = None
    on_cut: Callable[[Reason], None] = lambda _reason: None
    _idle: deque[ReadyLink] = field(default_factory=deque)
    _waiting: "deque[asyncio.Future[ReadyLink]]" = field(default_factory=deque)
    _dials: set[asyncio.Task[None]] = field(default_factory=set)
    _epoch: int = 0
    _closed: bool = False
    _trim: asyncio.TimerHandle | None = None

    @property
    def epoch(self) -> int:
        """Counts what made all links before it useless: a renewed certificate, other edges."""
        return self._epoch

    @property
    def idle(self) -> int:
        """How many links wait ready."""
        return len(self._idle)

    def take(self) -> ReadyLink | None:
        """Return a ready link, or None; more are made in the background either way.

        The loop still watches the link for the pool: whoever takes it puts a reader of its
        own in that place at once.
        """
        link = self._idle.pop() if self._idle else None
        self.fill()
        return link

    async def wait(self) -> ReadyLink:
        """Return the next link that is ready; raise the edge's refusal, or why none answers."""
        if (link := self.take()) is not None:
            self.loop.remove_reader(link.tls.fileno())
            return link
        future: asyncio.Future[ReadyLink] = self.loop.create_future()
        self._waiting.append(future)
        self.fill()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and not future.exception():
                self.give_back(future.result())
            raise

    async def fresh(self) -> ReadyLink:
        """Open a link now, past those that wait; raise as ``wait`` does."""
        epoch = self._epoch
        return ReadyLink(*await self._open(), epoch)

    def give_back(self, link: ReadyLink) -> None:
        """Take a link whose session ended cleanly, or a new one."""
        if self._closed or link.epoch != self._epoch:
            link.tls.close()
            return
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(link)
                return
        if len(self._idle) >= self.most_idle:
            link.tls.close()
            return
        link.idle_since = self.loop.time()
        self._idle.append(link)
        self.loop.add_reader(link.tls.fileno(), self._on_idle_event, link)
        if self._trim is None:
            self._trim = self.loop.call_later(IDLE_SECONDS, self._trim_idle)

    def fill(self) -> None:
        """Begin as many dials as are wanted now."""
        wanted = len(self._waiting) + (0 if self.refusal else self.spare - len(self._idle))
        for _ in range(min(wanted, DIALS_AT_ONCE) - len(self._dials)):
            if self._closed:
                return
            task = self.loop.create_task(self._dial(self._epoch))
            self._dials.add(task)
            task.add_done_callback(self._dialled)

    def renewed(self) -> None:
        """Let go of links that were opened with the former certificate, or to former edges."""
        self.drop()
        self.fill()

    def drop(self) -> None:
        """Let go of all links that wait, and make no others until one is wanted."""
        self._epoch += 1
        self.refusal = None
        self._drop_idle()

    def close(self) -> None:
        """Close all idle links and make no more."""
        self._closed = True
        if self._trim is not None:
            self._trim.cancel()
        for task in tuple(self._dials):
            task.cancel()
        while self._waiting:
            self._waiting.popleft().cancel()
        self._drop_idle()

    async def _dial(self, epoch: int) -> None:
        try:
            tls, controls = await self._open()
        except PgwardError as error:
            self._fail(error, epoch)
        else:
            self.refusal = None
            self.give_back(ReadyLink(tls, controls, epoch))

    async def _open(self) -> tuple[TlsConnection, Controls]:
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                return await self._first_edge()
        except TimeoutError:
            raise UnavailableError(
                "no edge answered in time", hint="is the edge running?"
            ) from None

    async def _first_edge(self) -> tuple[TlsConnection, Controls]:
        edges = self.edges()
        if not edges:
            raise UnavailableError(
                "no edge leads to this service", hint="pgward edges  shows the edges; enroll one"
            )
        for number, edge in enumerate(edges, 1):
            try:
                return await self.connect(edge)
            except UnavailableError:
                if number == len(edges):
                    raise
            except RefusedError as refusal:
                if refusal.reason != Reason.STOPPING or number == len(edges):
                    raise
        raise AssertionError("unreachable: the last edge raises")

    def _fail(self, error: PgwardError, epoch: int) -> None:
        if epoch != self._epoch:
            return  # what the former certificate met; the next dial asks with the new one
        if not self._waiting and self._is_news(error):
            log.warning("%s%s", error.message, f"\nhint: {error.hint}" if error.hint else "")
        self.refusal = error
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(error)

    def _is_news(self, error: PgwardError) -> bool:
        """Tell whether a person wants to hear of this, though nobody waits for a link."""
        if isinstance(error, RefusedError) and error.reason == Reason.LIMIT:
            return False  # what is missing is only a link to spare
        return self.refusal is None or self.refusal.message != error.message

    def _dialled(self, task: "asyncio.Task[None]") -> None:
        self._dials.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a dial broke", exc_info=error)
            self._fail(UnavailableError(f"no link can be opened: {error!r}"), self._epoch)
        elif not self._closed:
            self.fill()

    def _on_idle_event(self, link: ReadyLink) -> None:
        """Let go of an idle link that the edge cuts, or that broke."""
        reason: Reason | None = None
        expired = False
        try:
            size = link.tls.read_into(CONTROL_SIZE, _record)
            reason = link.controls.reason(bytes(_record[:size]))
            expired = not size and self.loop.time() - link.idle_since >= IDLE_SECONDS
        except ssl.SSLWantReadError:
            return
        except (ssl.SSLError, OSError) as error:
            log.debug("an idle link broke: %s", error)
        self._discard(link)
        if reason is not None and reason != Reason.STOPPING:
            self.on_cut(reason)
        # Not refilled else: an edge that lets nobody in would be asked again and again.
        if expired:
            self.fill()

    def _discard(self, link: ReadyLink) -> None:
        self.loop.remove_reader(link.tls.fileno())
        if link in self._idle:
            self._idle.remove(link)
        link.tls.close()

    def _drop_idle(self) -> None:
        for link in tuple(self._idle):
            self._discard(link)

    def _trim_idle(self) -> None:
        """Close links that a burst left over."""
        self._trim = None
        oldest_allowed = self.loop.time() - IDLE_SECONDS
        while len(self._idle) > self.spare and self._idle[0].idle_since <= oldest_allowed:
            self._discard(self._idle[0])
        if len(self._idle) > self.spare:
            self._trim = self.loop.call_later(IDLE_SECONDS, self._trim_idle)
