"""The live links of one edge process: each carries a person's sessions on one service."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pgward.core.address import Address
from pgward.core.clock import Clock
from pgward.pgwire import startup
from pgward.tunnel import pgerror
from pgward.tunnel.edge.carrying import Carrying, Forwarded, OnEnd
from pgward.tunnel.edge.limits import Limits
from pgward.tunnel.edge.state import EdgeState, Peer, Service
from pgward.tunnel.lingering import Lingering
from pgward.tunnel.preface import CONTROL_SIZE, Controls, Reason, RefusedError
from pgward.tunnel.relay import BUFFER_SIZE, Relay
from pgward.tunnel.sweep import SWEEP_SECONDS, sweep
from pgward.tunnel.tls import TlsConnection, read_some, write_all

log = logging.getLogger("pgward.edge")

# Serves every link of the process: a callback never waits while it uses it.
_first = bytearray(BUFFER_SIZE)

_NO = b"N"
_HEAR_OUT_SECONDS = 3.0
LEAVE_SECONDS = 2.0
_TRIED_AGAIN = (Reason.STOPPING, Reason.EXPIRED, Reason.STEP_UP)

Record = Callable[[str, str, "Link", str | None], None]  # action, outcome, link, reason


def _no_record(_action: str, _outcome: str, _link: "Link", _reason: str | None) -> None:
    """Serve until someone listens."""


class Aware(Protocol):
    """Opens sessions whose protocol the edge speaks."""

    async def open(
        self, client: "Client", service: Service, first: bytes, on_end: OnEnd
    ) -> Carrying | None:
        """Return a session, not started yet; None when none was wanted. Raise RefusedError."""
        ...


@dataclass(frozen=True, slots=True)
class Client:
    """Who begins a session, and the connection that it came on."""

    tls: TlsConnection
    controls: Controls | None
    peer: Peer
    address: str


class NotAware:
    """Refuses every service whose protocol should be spoken."""

    async def open(
        self, _client: Client, service: Service, _first: bytes, _on_end: OnEnd
    ) -> Carrying | None:
        """Raise RefusedError."""
        raise RefusedError(Reason.UNREACHABLE, f"this edge does not serve {service.name} yet")


class Dialing(Protocol):
    """Connects to an upstream."""

    async def dial(self, upstream: Address) -> socket.socket:
        """Return a non-blocking connection; raise RefusedError."""
        ...


class Links:
    """All links of the process, and what they share."""

    def __init__(self, loop: asyncio.AbstractEventLoop, dialer: Dialing, clock: Clock) -> None:
        self.loop = loop
        self.dialer = dialer
        self.aware: Aware = NotAware()
        self.clock = clock
        self.limits = Limits()
        self.live: set[Link] = set()
        self.by_user: Counter[str] = Counter()  # links, with a session or without
        self.draining = False
        self.lingering = Lingering(loop)
        self.state: EdgeState | None = None
        self.record: Record = _no_record
        # How far this machine's clock is ahead of the CA's.
        self.skew: Callable[[], timedelta] = timedelta
        self._empty: asyncio.Future[None] | None = None

    def adopt(self, state: EdgeState) -> None:
        """Decide by a new snapshot from now on, and cut what it no longer allows."""
        if self.state is not None:
            state = state.keeping(self.state)
        self.state = state
        for link in tuple(self.live):
            try:
                link.adopt(state)
            except RefusedError as refusal:
                link.cut(refusal.reason, refusal)
        self.end_unproved()

    def authorize(self, link: "Link", first: bytes) -> Service:
        """Return the service of a link that wants a session; raise RefusedError.

        To cancel a query that runs, nobody has to step up first.
        """
        if self.draining:
            raise RefusedError(Reason.STOPPING)
        if self.state is None:
            raise RefusedError(Reason.STALE, "the edge has no configuration yet")
        now = self.clock.now()
        service = self.state.authorize(link.peer, link.service, now)
        if service.step_up is not None and not pgerror.is_cancel(first):
            service.check_step_up(link.peer.user, now - self.skew())
        return service

    def end_unproved(self) -> None:
        """Cut sessions whose second factor is too old, where the service wants that."""
        services = {} if self.state is None else self.state.services
        now = self.clock.now() - self.skew()
        for link in tuple(self.live):
            service = services.get(link.service)
            rule = None if service is None else service.step_up
            if rule is None or not rule.ends_sessions or not link.in_session:
                continue
            if not rule.is_proved(link.peer.user, now):
                link.cut(Reason.STEP_UP)

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

    def forget(self, link: "Link") -> None:
        """Take a closed link from the books."""
        self.live.discard(link)
        self.by_user[link.peer.user] -= 1
        if not self.by_user[link.peer.user]:
            del self.by_user[link.peer.user]
        if not self.live and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)


class Link:
    """One authenticated client connection: idle, dialling, or relaying a session.

    With ``controls`` it comes from a tunnel and carries session after session; without,
    from a client that speaks PostgreSQL straight away, and ends with its one session.
    """

    __slots__ = (
        "_controls",
        "_dialling",
        "_ends",
        "_is_closed",
        "_links",
        "_session",
        "_tls",
        "address",
        "entered",
        "idle_since",
        "opened_at",
        "peer",
        "record_tail",
        "service",
    )

    def __init__(
        self,
        links: Links,
        tls: TlsConnection,
        *,
        peer: Peer,
        service: str,
        controls: Controls | None,
        address: str,
    ) -> None:
        self._links = links
        self._tls = tls
        self._controls = controls
        self._session: Carrying | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._is_closed = False
        self._ends = False  # we have ended a session that the client has not ended yet
        self.peer = peer
        self.service = service
        self.address = address
        self.entered: str | None = None
        self.idle_since = 0.0  # by the loop's clock; counts only without a session
        self.record_tail = ""  # the journal's
        self.opened_at: datetime = links.clock.now()
        links.remember(self)
        self._wait()

    @property
    def in_session(self) -> bool:
        """Tell whether a database session runs, or is being opened."""
        return self._session is not None or self._dialling is not None

    @property
    def relay(self) -> Relay | None:
        """What moves the bytes of the running session, if there is one."""
        return None if self._session is None else self._session.relay

    def adopt(self, state: EdgeState) -> None:
        """Go on under a new snapshot; raise RefusedError where this must end."""
        service = state.may_go_on(self.peer, self.service)
        if self._session is not None:
            self._session.adopt(state, service)

    def cut(self, reason: Reason, why: RefusedError | None = None) -> None:
        """End this link at once and tell a tunnel why."""
        if self._is_closed:
            return
        if self._session is not None:
            self._session.tell(why or RefusedError(reason))
        if self._controls is not None:
            try:
                self._tls.write(self._controls.cut(reason))
            except (ssl.SSLError, OSError) as error:
                log.debug("no reason could be sent to %s: %s", self.address, error)
        if self.in_session:
            self._links.record("session.cut", "ok", self, reason.name.lower())
        self.close()

    def close(self) -> None:
        """Close everything that belongs to this link; safe to call again."""
        if self._is_closed:
            return
        self._is_closed = True
        self._links.loop.remove_reader(self._tls.fileno())
        self._leave()
        dialling, self._dialling = self._dialling, None
        if dialling is None:
            self._links.lingering.close(self._tls)
        else:
            self._links.lingering.close_after(dialling, self._tls)
        self._links.forget(self)

    def begin(self, first: bytes) -> None:
        """Open a session at once: its first bytes were read at the door."""
        self._links.loop.remove_reader(self._tls.fileno())
        self._dialling = self._links.loop.create_task(self._open(first))

    # --- idle → dialling → relaying → idle --------------------------------------------

    def _wait(self) -> None:
        self.idle_since = self._links.loop.time()
        self._links.loop.add_reader(self._tls.fileno(), self._on_first)

    def _on_first(self) -> None:
        """Take the first bytes of a session: only now is PostgreSQL dialled."""
        try:
            size = self._tls.read_into(BUFFER_SIZE, _first)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except (ssl.SSLError, OSError):
            size = 0
        if not size:
            self.close()
            return
        if size == CONTROL_SIZE and self._answered_end(bytes(_first[:size])):
            return
        if self._ends:  # there was more behind what was only a request
            self.close()
            return
        self.begin(bytes(_first[:size]))

    def _answered_end(self, record: bytes) -> bool:
        """Answer the end of a session in which the client said nothing: nobody is dialled.

        The end of one that we have ended first needs no answer.
        """
        if self._controls is None or record != self._controls.end:
            return False
        if self._ends:
            self._ends = False
            return True
        try:
            self._tls.write(record)
        except (ssl.SSLError, OSError):
            self.close()
        return True

    async def _open(self, first: bytes) -> None:
        try:
            service = self._links.authorize(self, first)
            self._links.limits.enter(service, self.peer.user)
            self.entered = service.name
            session = await self._carry(service, first)
            self._check_news(service, session)
        except RefusedError as refusal:
            if self._asks_in_vain(first) and not self._is_tried_again(refusal):
                await self._hear_out()
            self._dialling = None
            self._refuse(refusal)
            return
        except OSError as error:
            log.debug("%s went away: %s", self.address, error)
            self._dialling = None
            self.close()
            return
        except Exception:  # a task: nobody else would hear of it, and the client would wait
            log.exception("no session could be opened for %s", self.address)
            self._dialling = None
            self.close()
            return
        self._dialling = None
        if session is None:
            self._end_nothing()
            return
        self._session = session
        self._links.record("session.open", "ok", self, None)
        session.start()

    def _check_news(self, service: Service, session: Carrying | None) -> None:
        """Raise RefusedError if a snapshot that came meanwhile does not allow the session."""
        state = self._links.state
        if session is None or state is None or state.services.get(service.name) is service:
            return
        try:
            session.adopt(state, state.may_go_on(self.peer, self.service))
        except RefusedError:
            session.close()
            raise

    async def _carry(self, service: Service, first: bytes) -> Carrying | None:
        if service.postgres is not None:
            client = Client(self._tls, self._controls, self.peer, self.address)
            return await self._links.aware.open(client, service, first, self._on_end)
        upstream = await self._links.dialer.dial(service.upstream)
        return Forwarded(
            self._links.loop,
            self._tls,
            upstream,
            controls=self._controls,
            first=first,
            on_end=self._on_end,
        )

    def _end_nothing(self) -> None:
        """End a session that was only a request; a tunnel's link waits for the next one."""
        self._leave()
        if self._controls is None or self._links.draining:
            self.close()
            return
        try:
            self._tls.write(self._controls.end)
        except (ssl.SSLError, OSError):
            self.close()
            return
        self._ends = True
        self._wait()

    def _refuse(self, refusal: RefusedError) -> None:
        log.info("refused %s on %s: %s", self.peer.user, self.service, refusal.message)
        self._links.record("session.open", "denied", self, refusal.message)
        if not self._is_tried_again(refusal):
            said = pgerror.fatal(refusal.message, refusal.hint, sqlstate=refusal.sqlstate)
            self._say(said)
        if self._controls is not None:
            self.cut(refusal.reason)
        else:
            self.close()

    def _asks_in_vain(self, first: bytes) -> bool:
        """Tell whether a client asks for encryption that it has already."""
        state = self._links.state
        service = None if state is None else state.services.get(self.service)
        asks = first in (startup.ssl_request(), startup.gssenc_request())
        return asks and service is not None and service.postgres is not None

    async def _hear_out(self) -> None:
        """Answer a question for encryption, and wait for the login that follows.

        libpq shows no error that comes as the answer to the question (CVE-2024-10977).
        """
        with contextlib.suppress(TimeoutError, OSError):  # then nobody is there to be told
            async with asyncio.timeout(_HEAR_OUT_SECONDS):
                await write_all(self._tls, _NO)
                await read_some(self._tls, BUFFER_SIZE)

    def _is_tried_again(self, refusal: RefusedError) -> bool:
        """Tell whether a tunnel takes its client to another edge, or here again.

        It does so with a newer certificate, or after a step-up, if nothing at all comes back.
        """
        return self._controls is not None and refusal.reason in _TRIED_AGAIN

    def _say(self, last_words: bytes) -> None:
        try:
            self._tls.write(last_words)
        except (ssl.SSLError, OSError) as error:
            log.debug("no refusal could be sent to %s: %s", self.address, error)

    def _on_end(self, clean: bool, reason: Reason | None) -> None:
        del reason  # only an edge cuts
        self._leave()
        if clean and not self._links.draining:
            self._wait()
        else:
            self.close()

    def _leave(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._links.record("session.close", "ok", self, None)
            session.close()
        if self.entered is not None:
            self._links.limits.leave(self.entered, self.peer.user)
            self.entered = None
