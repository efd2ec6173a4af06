"""One live link: it carries a person's sessions on one service, one after the other."""

import asyncio
import logging
import socket
import ssl
from datetime import datetime
from functools import partial

from pgward.tunnel.edge.carrying import Carrying, Client, Forwarded, Parting
from pgward.tunnel.edge.last_words import LastWords, asks_for_encryption
from pgward.tunnel.edge.links import Links
from pgward.tunnel.edge.state import EdgeState, Peer, Service
from pgward.tunnel.preface import CONTROL_SIZE, Controls, Reason, RefusedError
from pgward.tunnel.relay import BUFFER_SIZE, Relay
from pgward.tunnel.tls import TlsConnection

log = logging.getLogger("pgward.edge")

# Serves every link of the process: a callback never waits while it uses it.
_first = bytearray(BUFFER_SIZE)


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
        "_last_words",
        "_links",
        "_session",
        "_tls",
        "_why",
        "address",
        "entered",
        "idle_since",
        "opened_at",
        "peer",
        "record_grants",
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
        self._last_words = LastWords(tls, controls, address)
        self._session: Carrying | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._is_closed = False
        self._why: RefusedError | None = None  # we cut the session that runs
        self._ends = False  # we have ended a session that the client has not ended yet
        self.peer = peer
        self.service = service
        self.address = address
        self.entered: str | None = None
        self.idle_since = 0.0  # by the loop's clock; counts only without a session
        self.record_tail = ""  # the journal's, as the next
        self.record_grants: tuple[str, ...] | None = None
        self.opened_at: datetime = links.clock.now()
        links.remember(self)
        self._wait()

    @property
    def in_session(self) -> bool:
        """Tell whether a database session runs, or is being opened."""
        return self._session is not None or self._dialling is not None

    @property
    def grants(self) -> tuple[str, ...] | None:
        """The names of what its person was granted, if nothing else lets that person in."""
        return self._links.timed.rests_on(self)

    @property
    def relay(self) -> Relay | None:
        """What moves the bytes of the running session, if there is one."""
        return None if self._session is None else self._session.relay

    @property
    def socket(self) -> socket.socket:
        """The client's connection, for what the kernel knows of it."""
        return self._tls.socket

    def adopt(self, state: EdgeState) -> None:
        """Go on under a new snapshot; raise RefusedError where this must end."""
        at = self._links.ca_now()
        try:
            service = state.may_go_on(self.peer, self.service, at)
        except RefusedError as refusal:
            raise self._links.timed.explained(self, refusal) from refusal
        if self._session is not None:
            self._session.adopt(state, service)
        self._links.timed.note(self, state, at)

    def remind(self, seconds: float, *, stands: bool) -> None:
        """Tell a person how soon the access ends, if the session's protocol can."""
        if self._session is not None:
            self._session.remind(seconds, stands=stands)

    def cut(self, reason: Reason, why: RefusedError | None = None) -> None:
        """End this link at once and tell a tunnel why."""
        if self._is_closed:
            return
        if not self.in_session:
            self._last_words.cut(reason)
            self.close()
            return
        self._why = why or RefusedError(reason)
        if self._session is not None:
            self._session.tell(self._why)
        self._links.record("session.cut", "ok", self, reason.name.lower())
        self.close()

    def close(self) -> None:
        """Close everything that belongs to this link; safe to call again."""
        if self._is_closed:
            return
        self._is_closed = True
        self._links.loop.remove_reader(self._tls.fileno())
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
        parting = self._leave()
        if parting is not None:
            task = self._links.loop.create_task(self._part(parting))
            task.add_done_callback(lambda _: parting.close())
            self._links.lingering.close_after(task, self._tls)
        else:
            self._tell_tunnel()
            if dialling is None:
                self._links.lingering.close(self._tls)
            else:
                self._links.lingering.close_after(dialling, self._tls)
        self._links.forget(self)

    async def _part(self, parting: Parting) -> None:
        """Tell the client first, and then its tunnel, which ends with that."""
        await parting.play()
        self._tell_tunnel()

    def _tell_tunnel(self) -> None:
        if self._why is not None:
            self._last_words.end(self._why)

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
            service = await self._enter(first)
            session = await self._carry(service, first)
            self._check_news(service, session)
        except RefusedError as refusal:
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

    async def _enter(self, first: bytes) -> Service:
        """Return the service, with the session counted in; raise RefusedError.

        Whoever opens an aware session answers a question for encryption; here nobody has yet.
        """
        try:
            service = self._links.authorize(self, first)
            self._links.limits.enter(service, self.peer.user)
        except RefusedError as refusal:
            if self._asks_in_vain(first):
                await self._last_words.hear_out(refusal)
            raise
        self.entered = service.name
        return service

    def _check_news(self, service: Service, session: Carrying | None) -> None:
        """Raise RefusedError if a snapshot that came meanwhile does not allow the session."""
        state = self._links.state
        if session is None or state is None or state.services.get(service.name) is service:
            return
        try:
            at = self._links.ca_now()
            session.adopt(state, state.may_go_on(self.peer, self.service, at))
        except RefusedError:
            session.close()
            raise

    async def _carry(self, service: Service, first: bytes) -> Carrying | None:
        if service.postgres is not None:
            client = Client(
                self._tls,
                self._controls,
                self.peer,
                self.address,
                partial(self._links.timed.knows, self),
                lambda: self._links.timed.changed(self, self._links.ca_now()),
            )
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
        self._links.refused(refusal)
        self._last_words.refuse(refusal)
        self.close()

    def _asks_in_vain(self, first: bytes) -> bool:
        """Tell whether a client asks for encryption that it has already."""
        state = self._links.state
        service = None if state is None else state.services.get(self.service)
        return service is not None and service.postgres is not None and asks_for_encryption(first)

    def _on_end(self, clean: bool, reason: Reason | None) -> None:
        del reason  # only an edge cuts
        if clean and not self._links.draining:
            self._leave()
            self._wait()
        else:
            self.close()

    def _leave(self) -> Parting | None:
        session, self._session = self._session, None
        parting = None
        if session is not None:
            if self._why is None and session.cut is not None:
                self._links.record("session.cut", "ok", self, session.cut)
            self._links.record("session.close", "ok", self, None)
            parting = session.close()
        if self.entered is not None:
            self._links.limits.leave(self.entered, self.peer.user)
            self.entered = None
        return parting
