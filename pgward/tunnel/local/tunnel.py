"""One running tunnel: local connections in, links out, the certificate kept fresh."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field
from itertools import chain

from pgward.client.services import EdgeInfo, ServiceInfo, choose
from pgward.core.clock import Clock, rfc3339
from pgward.core.errors import PgwardError, UnavailableError
from pgward.tunnel import pgerror
from pgward.tunnel.lingering import Lingering
from pgward.tunnel.local import inner
from pgward.tunnel.local.connection import LocalConnection
from pgward.tunnel.local.connector import EdgeConnector
from pgward.tunnel.local.holding import Holding
from pgward.tunnel.local.inner import InnerTls
from pgward.tunnel.local.peer import is_mine
from pgward.tunnel.local.pool import Pool, ReadyLink
from pgward.tunnel.local.renewal import Login, Renewal
from pgward.tunnel.preface import Reason, RefusedError
from pgward.tunnel.sweep import sweep
from pgward.tunnel.tls import close_heard, tune, tunnel_context

log = logging.getLogger("pgward.tunnel")

ACCEPT_BATCH = 64
ACCEPT_PAUSE = 0.1
# A client that is about to be turned away waits so long for what the CA says, and clients
# that come one after the other do not all ask it.
LOOK_UP_SECONDS = 3.0
LOOK_UP_PAUSE = 5.0
# What a new certificate may mend while the login session lives: its CA was replaced.
MENDED_BY_A_RENEWAL = (Reason.REVOKED, Reason.EXPIRED)
_PEER_GONE = {errno.ENOTCONN, errno.ECONNRESET, errno.EINVAL, errno.EPIPE}


@dataclass(slots=True)
class Counters:
    """What `pgward status` shows."""

    active: int = 0
    total: int = 0
    refused: int = 0
    last_problem: str | None = None
    last_hint: str | None = None


@dataclass(slots=True, eq=False)
class Tunnel:
    """Serves one service on a listening socket until ``close``.

    Tunnels of one login session have one ``shared`` renewal; ``on_cut`` hears that an edge ended a
    connection, besides the person who hears it by ``say``.
    """

    service: ServiceInfo
    session: Login
    clock: Clock
    listener: socket.socket
    loop: asyncio.AbstractEventLoop
    say: Callable[[str], None]
    shared: InitVar[Renewal | None] = None
    renewal: Renewal = field(init=False)
    on_cut: Callable[[str], None] = lambda _message: None
    on_step_up: Callable[[str], None] = lambda _message: None
    holding: Holding = field(init=False)
    counters: Counters = field(default_factory=Counters)
    _context: ssl.SSLContext | None = None
    _pool: Pool | None = None
    _live: set[LocalConnection] = field(default_factory=set)
    _empty: "asyncio.Future[None] | None" = None
    _looking_up: asyncio.Lock = field(default_factory=asyncio.Lock)
    _looked_up_at: float = float("-inf")
    _looked_up: bool = False
    _mending: set["asyncio.Task[None]"] = field(default_factory=set)
    _inner: InnerTls = field(init=False)
    _lingering: Lingering = field(init=False)
    _told: str | None = None  # the problem that the person heard of last, while it lasts

    def __post_init__(self, shared: Renewal | None) -> None:
        self.renewal = shared or Renewal(self.session, self.clock, self.loop, self.say)
        self.renewal.members.append(self)
        self.holding = Holding(
            self.loop,
            lambda: self.service.name,
            lambda wait: self.session.stepped_up(self.service.name, wait),
            self._tell_step_up,
        )
        self._lingering = Lingering(self.loop)
        self._inner = InnerTls(self.loop, lambda: self.service, lambda: self.session.paths)

    @property
    def pool(self) -> Pool:
        """The links that wait ready."""
        if self._pool is None:
            self._pool = Pool(
                self.loop, self._edges, EdgeConnector(self.service.name, self._current_context)
            )
            self._pool.on_cut = lambda reason: self._on_cut(self._in_words(reason))
        return self._pool

    async def preflight(self) -> None:
        """Open the first link, so that a refusal is told before anyone connects."""
        self._renew_context()
        epoch = self.pool.epoch
        try:
            link = await self.pool.wait()
        except RefusedError as error:
            await self._look_again(error)
            if epoch == self.pool.epoch:
                raise
            link = await self.pool.wait()
        self.pool.give_back(link)

    def listen(self) -> None:
        """Accept local connections from now on."""
        self.listener.setblocking(False)
        self.loop.add_reader(self.listener.fileno(), self._accept)

    async def refresh(self, *, refused: int | None = None) -> None:
        """Renew if due; say once what prevents it.

        Renew as well when an edge ``refused`` the certificate of this epoch of the pool.
        """
        await self.renewal.refresh(lambda: refused == self.pool.epoch)

    # --- what the certificate's keeper tells ------------------------------------------

    def renewed(self) -> None:
        """Take that there is another certificate."""
        self._renew_context()
        self.pool.renewed()

    def login_ended(self, problem: str, hint: str) -> None:
        """Take that there will be none until somebody logs in."""
        self.counters.last_problem, self.counters.last_hint = problem, hint

    def woke(self) -> None:
        """Take that this machine slept: links may be gone unseen.

        With an expired certificate there would only be refusals; its renewal has others made.
        """
        if self.renewal.expired():
            self.pool.drop()
        else:
            self.pool.renewed()

    def look_after(self) -> None:
        """Hear of sessions whose socket failed unseen."""
        sweep(chain((each.relay for each in self._live), self._inner.relays))

    def close(self) -> None:
        """Stop listening and end every connection; safe to call again."""
        if self.listener.fileno() != -1:
            self.loop.remove_reader(self.listener.fileno())
            self.listener.close()
        if self in self.renewal.members:
            self.renewal.members.remove(self)
        self._inner.close()
        self.holding.close()
        self._lingering.close_now()
        for connection in tuple(self._live):
            connection.close()
            self._forget(connection)
        for task in tuple(self._mending):
            task.cancel()
        if self._pool is not None:
            self._pool.close()

    def describe(self) -> dict[str, object]:
        """Return what `pgward status` shows of a running tunnel."""
        return {
            "active": self.counters.active,
            "total": self.counters.total,
            "refused": self.counters.refused,
            "ready_links": self.pool.idle,
            "certificate_expires_at": rfc3339(self.session.not_after),
            "session_expires_at": rfc3339(self.session.session_expires_at),
            "problem": self.counters.last_problem,
            "hint": self.counters.last_hint,
        }

    @property
    def connections(self) -> tuple[LocalConnection, ...]:
        """The clients that are here now."""
        return tuple(self._live)

    def trouble(self) -> list[str]:
        """Return what a person who connects now should hear: why there is no link to the edge."""
        problem, hint = self.counters.last_problem, self.counters.last_hint
        if problem is None or self.pool.idle:
            return []
        told = f"the tunnel to {self.service.name}: {problem}"
        return [f"{told}\nhint: {hint}" if hint else told]

    # --- accepting --------------------------------------------------------------------

    def _accept(self) -> None:
        for _ in range(ACCEPT_BATCH):
            try:
                client, _ = self.listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # Out of descriptors: the backlog waits, and a closing connection frees one.
                log.error("cannot accept a connection: %s", error.strerror)
                self.loop.remove_reader(self.listener.fileno())
                self.loop.call_later(ACCEPT_PAUSE, self._resume)
                return
            self._admit(client)

    def _resume(self) -> None:
        if self.listener.fileno() != -1:
            self.listen()

    def _admit(self, client: socket.socket) -> None:
        try:
            if not is_mine(client):
                self.counters.refused += 1
                log.warning("refused a process that is not yours, or was gone already")
                client.close()
                return
            _tune_local(client)
            carried = self._carried(client)
        except OSError as error:
            # Out of descriptors or buffers it is we who end it: that must not be a riddle.
            gone = error.errno in _PEER_GONE
            log.log(
                logging.DEBUG if gone else logging.ERROR, "a local connection is lost: %s", error
            )
            client.close()
            return
        self._live.add(LocalConnection(self.loop, carried, self))
        self.counters.active += 1
        self.counters.total += 1

    def _carried(self, client: socket.socket) -> socket.socket:
        """Return what goes through the link: under TLS, if the client cannot speak it itself."""
        if client.family != socket.AF_UNIX or not inner.wanted(self.service.ssl_mode):
            return client
        return self._inner.outside(client)

    # --- what connections ask and tell ------------------------------------------------

    def take(self) -> ReadyLink | None:
        """Return a link that waits ready, if there is one that the edge will still take."""
        if self.renewal.notice_sleep() or self.renewal.expired():
            return None
        return self.pool.take()

    async def find(self, *, fresh: bool) -> ReadyLink:
        """Wait for a link, with ``fresh`` one that has just been made; raise PgwardError."""
        if self.pool.refusal is not None or self.renewal.expired():
            await self.refresh()  # a new login, or a sleep, may have made it right again
        epoch = self.pool.epoch
        try:
            return await (self.pool.fresh() if fresh else self.pool.wait())
        except PgwardError as error:
            if epoch == self.pool.epoch:
                await self._look_again(error)
            if epoch == self.pool.epoch:
                await self._until_renewed(error)
        return await self.pool.wait()

    async def _until_renewed(self, error: PgwardError) -> None:
        """Wait for a CA that is away if that may help; raise the error, or what is behind it.

        The edge was asked all the same: this machine's clock may be the one that is wrong.
        """
        expired = isinstance(error, RefusedError) and error.reason == Reason.EXPIRED
        if not expired or not self.renewal.expired():
            raise error  # nothing is new: the edge would say the same
        try:
            await self.renewal.hold()
        except UnavailableError as away:
            raise UnavailableError(
                f"the certificate has to be renewed, and {away.message}", hint=away.hint
            ) from away

    async def _look_again(self, error: PgwardError) -> None:
        """Renew what may be the reason for an error: the certificate, or where the edges are."""
        if isinstance(error, RefusedError):
            mended = error.reason in MENDED_BY_A_RENEWAL
            await self.refresh(refused=self.pool.epoch if mended else None)
            return
        await self.look_up(LOOK_UP_PAUSE)

    async def look_up(self, pause: float) -> bool:
        """Ask the CA what the service is now, if that was not done in these last seconds.

        Tells whether the CA said it.
        """
        async with self._looking_up:
            if self.loop.time() >= self._looked_up_at + pause:
                self._looked_up = await self._look_up_service()
                self._looked_up_at = self.loop.time()
        return self._looked_up

    async def _look_up_service(self) -> bool:
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                services = await asyncio.to_thread(self.session.services)
            service = choose(services, self.service.name)
        except (PgwardError, TimeoutError) as error:
            log.debug("the service stays as it is: %s", error)
            return False
        before, self.service = self.service, service
        if service.edges != before.edges:
            self.pool.renewed()
        return True

    async def turn_away(self, client: socket.socket, error: PgwardError) -> None:
        """Tell a client why it gets no session, and close it."""
        self.counters.refused += 1
        # A client that wants TLS inside hides this answer: the tunnel's terminal shows it too.
        self._tell_problem(error.message, error.message, error.hint)
        try:
            client.send(pgerror.fatal(error.message, error.hint))
        except OSError as broken:
            log.debug("the client left before it heard why: %s", broken)
        await close_heard(client)

    async def hold(self, connection: LocalConnection) -> None:
        """Wait until the person has given a second factor; raise why that is no use."""
        if connection.held is None:
            connection.held = self.holding.begin()
        await self.holding.wait(connection.client, connection.held)

    def _tell_step_up(self, message: str, hint: str) -> None:
        self.counters.last_problem, self.counters.last_hint = message, hint
        self._told = message  # who is turned away for that need not be told of again
        self.say(f"{message}\nhint: {hint}")
        self.on_step_up(f"{message}: {hint}")

    def leave(self, client: socket.socket) -> None:
        """Close a client once it could read what it was told last."""
        self._lingering.close(client)

    def ended(
        self, connection: LocalConnection, *, clean: bool, refusal: RefusedError | None
    ) -> None:
        """Take that a connection is over; with ``clean`` its link can be used again."""
        self._forget(connection)
        if clean:
            self._told = None
        if clean and connection.link is not None:
            self.pool.give_back(connection.link)
        elif refusal is not None:
            self._on_cut(refusal, connection.link)

    async def settled(self) -> None:
        """Wait until no connection is left, and all is heard of why they ended."""
        while self._live:
            self._empty = self.loop.create_future()
            await self._empty

    def _forget(self, connection: LocalConnection) -> None:
        self._live.discard(connection)
        self.counters.active -= 1
        if not self._live and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def _in_words(self, reason: Reason) -> RefusedError:
        """Return why an idle link was cut, as the edge says it of a session."""
        if reason is not Reason.ACCESS_ENDED:
            return RefusedError(reason)
        name = self.service.name
        ended, hint = f"your access to {name} has ended", f"pgward request {name}"
        return RefusedError(reason, ended, hint=hint)

    def _on_cut(self, refusal: RefusedError, used: ReadyLink | None = None) -> None:
        """Hear that the edge ended an idle link, or one that a session ``used``."""
        if refusal.reason not in MENDED_BY_A_RENEWAL:
            self._tell_cut(refusal)
            return
        epoch = self.pool.epoch if used is None else used.epoch
        task = self.loop.create_task(self._mend(refusal, epoch, lost=used is not None))
        self._mending.add(task)
        task.add_done_callback(self._mending.discard)

    async def _mend(self, refusal: RefusedError, epoch: int, *, lost: bool) -> None:
        """Get another certificate than this epoch's at once; tell who has to know."""
        await self.refresh(refused=epoch)
        if epoch == self.pool.epoch:
            self._tell_cut(refusal)
        elif lost:
            message = "the edge ended a connection: its certificate counts no more"
            self._tell_problem(message, message, "there is a new one: connect again")

    def _tell_cut(self, refusal: RefusedError) -> None:
        message = refusal.message
        self.on_cut(message)
        self._tell_problem(message, f"the edge ended a connection: {message}", refusal.hint)

    def _tell_problem(self, problem: str, message: str, hint: str | None) -> None:
        """Say once, not for every connection of a pool, what is wrong; again once it was right."""
        self.counters.last_problem, self.counters.last_hint = problem, hint
        if problem != self._told:
            self._told = problem
            self.say(f"{self.service.name}: {message}" + (f"\nhint: {hint}" if hint else ""))

    # --- the certificate --------------------------------------------------------------

    def _renew_context(self) -> None:
        paths = self.session.paths
        self._context = tunnel_context(paths.cert, paths.key, paths.ca)

    def _current_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._renew_context()
        assert self._context is not None  # noqa: S101 - made just above
        return self._context

    def _edges(self) -> Sequence[EdgeInfo]:
        return self.service.edges


def _tune_local(client: socket.socket) -> None:
    if client.family == socket.AF_UNIX:
        client.setblocking(False)
    else:
        tune(client)
