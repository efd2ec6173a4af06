"""New connections: what they speak, who they are, which service they want.

Each runs in a task of its own under one deadline, so that a slow or silent client costs
a file descriptor for a while and delays nobody. When too many say too little, the oldest
of them goes: strangers must not be able to keep everyone else out. The first bytes tell
the clients apart: a TLS ClientHello, or PostgreSQL's SSLRequest or GSSENCRequest before it
(manual, chapter 55.2.10 and 55.2.11).
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from pgward.client.duties import PROBE_SUBJECT
from pgward.core.address import Address
from pgward.core.errors import PgwardError
from pgward.pgwire import startup
from pgward.pgwire.errors import WireError
from pgward.pgwire.startup import Cancel
from pgward.tunnel import pgerror, preface
from pgward.tunnel.edge.cancels import Cancels
from pgward.tunnel.edge.limits import Allowance, NoRoomError, no_descriptors
from pgward.tunnel.edge.links import Links
from pgward.tunnel.edge.listening import address_of
from pgward.tunnel.edge.sessions import Link
from pgward.tunnel.edge.state import Peer
from pgward.tunnel.preface import Controls, Reason, RefusedError, Request
from pgward.tunnel.tls import (
    EdgeSocket,
    TlsConnection,
    close_heard,
    handshake,
    read_line,
    read_some,
    ready,
    tune,
    write_all,
)

log = logging.getLogger("pgward.edge")

_UNKNOWN = "0.0.0.0"  # noqa: S104 - nobody's: rules for the CA's own address are not for this

HANDSHAKE_TIMEOUT = 10.0
ACCEPT_BATCH = 64
# Connections that have not proved yet who they are, whatever the limit for those that have.
MOST_WAITING = 2_000
MAKE_ROOM = 16
# At a full edge a word costs a handshake: so many hear one, and others only that it is over.
MOST_TOLD = 64
TOLD_A_SECOND = 20.0
TELL_EVERY_SECONDS = 60.0  # a flood must not fill the disk with lines
_SSL_REQUEST, _GSSENC_REQUEST = startup.ssl_request(), startup.gssenc_request()
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who came without a certificate, and has proved otherwise who it is.

    ``first`` is what was read of the session that is wanted.
    """

    peer: Peer
    service: str
    first: bytes


class Guests(Protocol):
    """Finds out who comes without a certificate."""

    async def receive(self, tls: TlsConnection, address: str) -> Guest | None:
        """Return who it is; None when nothing is wanted any more. Raise RefusedError."""
        ...


class _NoGuests:
    async def receive(self, _tls: TlsConnection, _address: str) -> Guest | None:
        raise _no_certificate()


@dataclass(slots=True)
class Door:
    """One listener's rules: which name is whose, and how many may wait at once.

    ``met`` hears what became of connections: in, refused, slow or gone. Requests are none of these.
    """

    links: Links
    context: Callable[[], ssl.SSLContext]
    domains: tuple[str, ...] = ()
    default_service: str | None = None
    max_connections: int = 10_000
    max_per_user: int = 2_000
    timeout: float = HANDSHAKE_TIMEOUT
    tasks: dict[asyncio.Task[None], None] = field(default_factory=dict)  # the oldest first
    refused: Callable[[str, str | None, RefusedError], None] = lambda _address, _user, _why: None
    met: Callable[[str], None] = lambda _outcome: None
    quiet_until: dict[str, float] = field(default_factory=dict)
    words: Allowance = field(default_factory=lambda: Allowance(MOST_TOLD, TOLD_A_SECOND))
    guests: Guests = field(default_factory=_NoGuests)
    cancels: Cancels = field(default_factory=Cancels)

    def listen(self, listener: socket.socket) -> None:
        """Accept from a non-blocking listening socket from now on."""
        self.links.loop.add_reader(listener.fileno(), self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_BATCH):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._make_room(error)
                self._pause(listener)
                return
            most = min(MOST_WAITING, self.max_connections)
            if self.is_full or sock.fileno() >= self.links.descriptors.most:
                self._tell_once("at %d connections: more are refused", len(self.links.live))
                if not self.words.take(self.links.loop.time()):
                    self.met("refused")
                    sock.close()
                    continue
                most = MOST_TOLD
            if len(self.tasks) >= most:
                self._drop_oldest()
            self.admit(sock, str(address_of(address)))

    @property
    def is_full(self) -> bool:
        """Whether as many are in as may be; others come only to hear that, or to cancel."""
        return len(self.links.live) >= self.max_connections

    def admit(self, sock: socket.socket, address: str) -> None:
        """Hear what a connected client wants; call it on the event loop."""
        task = self.links.loop.create_task(self._admit(sock, address))
        self.tasks[task] = None
        task.add_done_callback(partial(self._settled, sock))

    def _make_room(self, error: OSError) -> None:
        """Give some up at once: the backlog waits, and what is refused would only come again."""
        self._tell_once("cannot accept a connection: %s", error.strerror)
        if error.errno in _EXHAUSTED:
            self.links.lingering.close_now()
            for _ in range(MAKE_ROOM):
                self._drop_oldest()

    def _tell_once(self, text: str, about: object) -> None:
        """Log what may happen thousands of times in a second once in a while."""
        now = self.links.loop.time()
        if now >= self.quiet_until.get(text, 0.0):
            self.quiet_until[text] = now + TELL_EVERY_SECONDS
            log.warning(text, about)

    def _drop_oldest(self) -> None:
        """Give up the client that has taken longest to say who it is."""
        task = next(iter(self.tasks), None)
        if task is not None:
            self._tell_once("%d clients say too little: the oldest are dropped", len(self.tasks))
            del self.tasks[task]
            task.cancel()

    def _settled(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self.tasks.pop(task, None)
        sock.close()  # of a task that never began; elsewhere it is closed, or TLS by now

    def _pause(self, listener: socket.socket) -> None:
        loop = self.links.loop
        loop.remove_reader(listener.fileno())
        loop.call_later(0.1, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        if listener.fileno() != -1:
            self.listen(listener)

    async def _admit(self, sock: socket.socket, address: str) -> None:
        try:
            async with asyncio.timeout(self.timeout):
                await self._enter(sock, address)
        except TimeoutError:
            self.met("slow")
            log.info("%s said too little for %g s", address, self.timeout)
        except (ssl.SSLError, PgwardError) as error:
            self.met("refused")
            log.info("%s was turned away: %s", address, error)
        except OSError as error:
            self.met("gone")
            log.debug("%s went away: %s", address, error)

    async def _enter(self, sock: socket.socket, address: str) -> None:
        try:
            tune(sock)
            cancel = await _until_tls(sock)
            if cancel is not None:
                await self.cancels.request(cancel.pid, cancel.key)
                sock.close()
                return
            context = self.context()
        except RefusedError:
            await close_heard(sock)
            raise
        except BaseException:  # cancelled as well: nobody else has the socket yet
            sock.close()
            raise
        try:
            tls = await handshake(sock, context, server_side=True)
        except ssl.SSLError as error:
            self.refused(address, None, RefusedError(Reason.DENIED, f"TLS: {_why(error)}"))
            raise
        try:
            await self._route(tls, address)
        except RefusedError:
            await close_heard(tls.socket)
            raise
        except BaseException:  # a task that is cancelled must not keep the descriptor either
            tls.close()
            raise

    async def _route(self, tls: TlsConnection, address: str) -> None:
        user: str | None = None
        first = b""
        ours = tls.socket.selected_alpn_protocol() == preface.ALPN
        try:
            guest = await self._identify(tls, address, ours=ours)
            if guest is None:
                tls.close()
                return
            user, first = guest.peer.user, guest.first
            if guest.peer.web:  # the CA's web client came for somebody who is elsewhere
                address = str(Address(guest.peer.browser or _UNKNOWN, 0))
            wanted = Request(guest.service) if guest.service else await self._wanted(tls, ours=ours)
            self._check(tls, guest.peer, wanted.service)
        except RefusedError as refusal:
            if (
                isinstance(refusal, NoRoomError)
                and not (ours or first)
                and await self._cancels(tls)
            ):
                tls.close()
                return
            if user != PROBE_SUBJECT:  # it is ourselves, and no event
                self.refused(address, user, refusal)
            answer = preface.refuse(refusal) if ours else _fatal(refusal)
            await write_all(tls, answer)
            raise
        controls = Controls.new(tells_why=wanted.knows_why) if ours else None
        if controls is not None:
            await write_all(tls, preface.accept(controls))
        elif not first:
            # A tunnel's link waits ready for a session; anyone else has come to say something.
            await ready(tls.socket, read=True)
        link = Link(
            self.links,
            tls,
            peer=guest.peer,
            service=wanted.service,
            controls=controls,
            address=address,
        )
        if first:
            link.begin(first)
        self.met("in")

    async def _identify(self, tls: TlsConnection, address: str, *, ours: bool) -> Guest | None:
        """Return who it is; whoever shows a certificate says elsewhere which service is wanted."""
        certificate = tls.socket.getpeercert(binary_form=True)
        if certificate:
            return Guest(Peer.of(certificate), "", b"")
        if ours:
            raise _no_certificate()
        self._check_room(tls)  # before a one-time password is used up in vain
        return await self.guests.receive(tls, address)

    async def _cancels(self, tls: TlsConnection) -> bool:
        """Do what a client came for that there is no room for, if that is only to cancel."""
        try:
            found = startup.read(await read_some(tls, startup.MOST))
        except WireError:
            return False
        if not isinstance(found, Cancel):
            return False
        await self.cancels.request(found.pid, found.key)
        return True

    async def _wanted(self, tls: TlsConnection, *, ours: bool) -> Request:
        if ours:
            return preface.read_request(await read_line(tls, preface.MAX_LINE))
        sni = tls.socket.sni if isinstance(tls.socket, EdgeSocket) else None
        label, _, domain = (sni or "").lower().partition(".")
        if domain in self.domains:
            return Request(label)
        if self.default_service is None:
            raise RefusedError(
                Reason.DENIED,
                "this edge cannot tell which service you want",
                hint="connect to SERVICE.DOMAIN of this edge, or use pgward connect",
            )
        return Request(self.default_service)

    def _check_room(self, tls: TlsConnection) -> None:
        if self.links.draining:
            raise RefusedError(Reason.STOPPING)
        if tls.fileno() >= self.links.descriptors.most:
            raise no_descriptors()
        if self.is_full:
            raise NoRoomError(
                Reason.LIMIT,
                "the edge has all its connections in use",
                hint="try again, or have whoever runs the edge raise --max-connections",
            )

    def _check(self, tls: TlsConnection, peer: Peer, service: str) -> None:
        self._check_room(tls)
        if self.links.state is None:
            raise RefusedError(Reason.STALE, "the edge has no configuration yet")
        now, at = self.links.clock.now(), self.links.ca_now()
        self.links.state.authorize(peer, service, now, at)
        if self.links.by_user[peer.user] >= self.max_per_user:
            raise NoRoomError(
                Reason.LIMIT,
                f"you use {self.max_per_user} of {self.max_per_user} connections to this edge",
            )


async def _until_tls(sock: socket.socket) -> Cancel | None:
    """Answer what PostgreSQL clients ask before TLS; raise RefusedError for anything else.

    A cancel request may come without: libpq before 17 never encrypts one (manual, chapter 34.7).
    """
    while True:
        head = await _peek(sock, 1)
        if head[0] == startup.TLS_HANDSHAKE:
            return None
        request = await _peek(sock, startup.REQUEST_SIZE) if head[0] == 0 else b""
        if request == _SSL_REQUEST:
            sock.recv(startup.REQUEST_SIZE)
            sock.send(b"S")
        elif request == _GSSENC_REQUEST:
            sock.recv(startup.REQUEST_SIZE)
            sock.send(b"N")
        elif startup.is_cancel(request):
            return await _cancel(sock, int.from_bytes(request[:4]))
        else:
            refusal = RefusedError(
                Reason.PROTOCOL,
                "this edge speaks TLS only",
                hint="sslmode=verify-full with your login certificate, or pgward connect",
            )
            if request:
                sock.send(_fatal(refusal))
            raise refusal


async def _cancel(sock: socket.socket, length: int) -> Cancel | None:
    size = min(length, startup.MOST)
    found = startup.read(await _peek(sock, size))
    sock.recv(size)  # or the close would be a reset, and no sign that all is done
    return found if isinstance(found, Cancel) else None


async def _peek(sock: socket.socket, size: int) -> bytes:
    """Return the next ``size`` bytes without taking them; raise ConnectionError at the end."""
    # Readable means "this many bytes, or the end" (socket(7), SO_RCVLOWAT).
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
    try:
        await ready(sock, read=True)
        data = sock.recv(size, socket.MSG_PEEK)
    finally:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    if len(data) < size:
        raise ConnectionResetError("the client left before it said what it wants")
    return data


def _why(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return str(error.reason)


def _no_certificate() -> RefusedError:
    return RefusedError(
        Reason.DENIED,
        "this edge wants a login certificate",
        hint="pgward login, and sslcert and sslkey in the connection's settings",
    )


def _fatal(refusal: RefusedError) -> bytes:
    return pgerror.fatal(refusal.message, refusal.hint, sqlstate=refusal.sqlstate)
