"""One edge process: the listener, the feed, the spool and the signals, joined."""

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgward.client.duties import Part
from pgward.client.machine import Machine
from pgward.client.spool import Spool
from pgward.core.clock import Clock, SystemClock
from pgward.policy.rules import Decision
from pgward.system.metrics_server import MetricsServer
from pgward.tunnel.edge.accept import Door
from pgward.tunnel.edge.auditor.attendant import Attendant
from pgward.tunnel.edge.auditor.settings import AuditorSettings
from pgward.tunnel.edge.aware.worker import AwareWorker
from pgward.tunnel.edge.cancels import Cancels, Mailbox
from pgward.tunnel.edge.connector_child import ConnectorChild
from pgward.tunnel.edge.default_service import DefaultService
from pgward.tunnel.edge.duties import EdgeDuties
from pgward.tunnel.edge.feed import Feed
from pgward.tunnel.edge.idle import close_idle
from pgward.tunnel.edge.journal import Journal
from pgward.tunnel.edge.limits import Descriptors
from pgward.tunnel.edge.links import Links
from pgward.tunnel.edge.metrics.board import Board
from pgward.tunnel.edge.metrics.meter import Meter
from pgward.tunnel.edge.metrics.report import Ends, Report
from pgward.tunnel.edge.outlived import Outlived
from pgward.tunnel.edge.secrets.credentials import Keyring
from pgward.tunnel.edge.sessions import Link
from pgward.tunnel.edge.source import CaSource, certificate, domains
from pgward.tunnel.edge.state import EdgeState
from pgward.tunnel.edge.upstream import Dialer
from pgward.tunnel.loop import raise_descriptor_limit, tune_collector
from pgward.tunnel.preface import Reason, RefusedError
from pgward.tunnel.tls import edge_context

log = logging.getLogger("pgward.edge")

AUDITOR_SECONDS = 5.0  # for what is on tape when the last session has ended


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """How one edge serves; every ``…_timeout`` in seconds."""

    directory: Path
    default_service: str | None = None
    drain_timeout: float = 30.0
    handshake_timeout: float = 10.0
    idle_timeout: float = 3600.0
    max_connections: int = 10_000
    max_connections_per_user: int | None = None
    worker: int = 0
    workers: int = 1
    mailboxes: Sequence[Mailbox] = ()
    audit: AuditorSettings | None = None
    board: Board | None = None  # where is counted, if somebody wants to know
    metrics: socket.socket | None = None
    connector: ConnectorChild | None = None  # works PostgreSQL servers beside the edge

    @property
    def most_per_user(self) -> int:
        """How many links one person may have: a fifth of all, so that nobody can fill an edge."""
        return self.max_connections_per_user or max(1, self.max_connections // 5)


class EdgeServer:
    """Serves on listening sockets until told to stop; ``on_stop`` hears that it is."""

    def __init__(
        self,
        settings: EdgeSettings,
        machine: Machine,
        listeners: Sequence[socket.socket],
        clock: Clock | None = None,
        *,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._machine = machine
        self._listeners = listeners
        self._told_to_stop = on_stop
        self._clock = clock or SystemClock()
        self._context: ssl.SSLContext | None = None
        self._trusted: tuple[str, bool] | None = None
        self._stop_requests = 0
        self._default_service = DefaultService(settings.default_service)
        self._meter: Meter | None = None
        self._metrics: MetricsServer | None = None

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT, then drain; a second signal cuts at once."""
        self._loop = asyncio.get_running_loop()
        dialer = Dialer()
        self._links = Links(self._loop, dialer, self._clock)
        self._links.descriptors = Descriptors.of_limit(raise_descriptor_limit())
        self._cancels = Cancels(self._settings.worker, self._settings.mailboxes)
        self._cancels.listen(self._loop)
        self._auditor = self._make_attendant()
        self._aware = self._make_aware(dialer)
        self._links.aware = self._aware.sessions
        self._spool = Spool(
            self._settings.directory / "spool",
            f"worker-{self._settings.worker}",
            self._machine.send_events,
            adopts=self._settings.worker == 0,
        )
        self._journal = Journal(self._spool, self._machine.name, self._clock)
        self._door = self._make_door()
        feed = self._make_feed()
        self._configured: asyncio.Future[None] = self._loop.create_future()
        if not feed.load_kept():
            log.info("waiting for the CA's configuration")
        feed.start()
        if self._settings.connector is not None:
            self._settings.connector.start()
        self._spool.start()
        self._links.sweep()
        self._links.look_at_grants()
        close_idle(self._links, self._settings.idle_timeout)
        self._links.record = self._record
        self._links.skew = self._machine.skew
        await self._begin_to_count()
        stop = self._install_signals()
        tune_collector()
        await asyncio.wait({stop, self._configured}, return_when=asyncio.FIRST_COMPLETED)
        if self._configured.done():
            for each in self._listeners:
                each.setblocking(False)
                self._door.listen(each)
            on_ready()
        await stop
        feed.stop()
        ending = self._end_connector()  # at once: who takes our place begins with its own
        await self._drain()
        await ending
        await self._aware.stop()
        self._spool.stop()
        if self._metrics is not None:
            await self._metrics.stop()
        if self._auditor is not None:  # other workers may still drain, and write tapes
            seconds = self._settings.drain_timeout + AUDITOR_SECONDS
            await self._loop.run_in_executor(None, self._auditor.end, seconds)

    def _make_attendant(self) -> Attendant | None:
        """Return what looks after the auditor: the first worker does, for all of them."""
        if self._settings.audit is None or self._settings.worker:
            return None
        made = Attendant(self._settings.audit)
        made.look()
        return made

    def _end_connector(self) -> "asyncio.Future[None]":
        connector = self._settings.connector
        end = connector.end if connector is not None else lambda: None
        return self._loop.run_in_executor(None, end)

    def _make_door(self) -> Door:
        return Door(
            self._links,
            context=self._current_context,
            domains=domains(certificate(self._machine)),
            default_service=self._settings.default_service,
            max_connections=self._settings.max_connections,
            max_per_user=self._settings.most_per_user,
            timeout=self._settings.handshake_timeout,
            refused=self._refused,
            guests=self._aware.reception,
            cancels=self._cancels,
        )

    def _make_aware(self, dialer: Dialer) -> AwareWorker:
        return AwareWorker(
            self._settings.directory,
            self._machine,
            Keyring.open(self._machine, private=(self._settings.directory,)),
            clock=self._clock,
            ca_now=self._links.ca_now,
            cancels=self._cancels,
            dialer=dialer,
            state=lambda: self._links.state,
            is_first=self._settings.worker == 0,
            workers=self._settings.workers,
            denied=self._denied,
            slowed=self._slowed,
            tape_key=None if self._settings.audit is None else self._settings.audit.tape_key,
        )

    async def _begin_to_count(self) -> None:
        """Count what happens, and tell of it, where that is wanted."""
        settings, board = self._settings, self._settings.board
        if board is None:
            return
        self._meter = Meter(
            board.pane(settings.worker),
            mode=self._mode,
            waiting=lambda: len(self._door.tasks),
            links=lambda: len(self._links.live),
            later=self._loop.call_later,
        )
        self._links.refused = self._meter.refusal
        self._door.met = self._meter.handshake
        self._meter.look()
        if settings.metrics is not None and not settings.worker:
            report = Report(settings.directory, board, settings.workers, self._ends)
            self._metrics = MetricsServer(settings.metrics, report.text)
            await self._metrics.start()

    def _ends(self) -> Ends:
        state, certificate = self._links.state, self._machine.not_after
        if state is None:
            return Ends(certificate)
        return Ends(certificate, state.revocations.expires_at, state.version)

    def _mode(self, name: str) -> str:
        service = None if self._links.state is None else self._links.state.services.get(name)
        return "tcp" if service is None or service.postgres is None else "postgres"

    def _record(self, action: str, outcome: str, link: Link, reason: str | None) -> None:
        self._journal.session(action, outcome, link, reason)
        if self._meter is not None:
            self._meter.session(action, outcome, link, reason)

    def _refused(self, address: str, user: str | None, why: RefusedError) -> None:
        self._journal.refusal(address, user, why)
        if self._meter is not None:
            self._meter.refusal(why)

    def _denied(self, decision: Decision) -> None:
        if self._meter is not None:
            self._meter.denial(by_policy=decision.policy != "")

    def _slowed(self, sessions: int) -> None:
        if self._meter is not None:
            self._meter.slowed(sessions)

    def _make_feed(self) -> Feed:
        source = CaSource(self._machine)
        call = self._loop.call_soon_threadsafe
        return Feed(
            source,
            source.roots,
            self._settings.directory / "snapshot.jws",
            self._clock,
            on_state=lambda state: call(self._adopt, state),
            on_renewed=lambda: call(self._reload_certificate),
            look=Outlived(self._machine, self._links, call).look,
            carry_out=self._make_duties().run,
        )

    def _make_duties(self) -> EdgeDuties:
        call = self._loop.call_soon_threadsafe
        return EdgeDuties(
            self._machine,
            Part(self._settings.worker, self._settings.workers),
            call=call,
            version=lambda: 0 if self._links.state is None else self._links.state.version,
            admit=self._door.admit,
            on_renewed=lambda: call(self._reload_certificate),
        )

    def _adopt(self, state: EdgeState) -> None:
        self._links.adopt(state)  # first of all: it cuts what is revoked
        self._aware.adopt(state)
        if state.aware and self._auditor is not None:
            self._auditor.need()
        trusted = state.user_roots, state.takes_guests
        if trusted != self._trusted:
            # Trust can only be added to a context, so a change makes a new one.
            paths, (roots, guests) = self._machine.paths, trusted
            self._context = edge_context(paths.cert, paths.key, roots, guests=guests)
            self._trusted = trusted
        if not self._configured.done():
            self._configured.set_result(None)
        count = len(state.services)
        plural = "" if count == 1 else "s"
        log.info("configuration %d: %d service%s", state.version, count, plural)
        problem = self._default_service.problem(state.services)
        if problem is not None and not self._settings.worker:
            log.warning("%s", problem)

    def _reload_certificate(self) -> None:
        """Show the certificate on disk in new handshakes; connections stay as they are."""
        if self._context is None:
            return
        try:
            self._context.load_cert_chain(self._machine.paths.cert, self._machine.paths.key)
        except (ssl.SSLError, OSError) as error:
            log.error("the certificate cannot be reloaded, the old one stays: %s", error)
            return
        self._aware.certificate_changed()
        log.info("certificate reloaded")

    def _current_context(self) -> ssl.SSLContext:
        if self._context is None:
            raise RefusedError(Reason.STALE, "the edge has no configuration yet")
        return self._context

    def _install_signals(self) -> asyncio.Future[None]:
        stop: asyncio.Future[None] = self._loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._on_stop, stop)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload_certificate)
        return stop

    def _on_stop(self, stop: "asyncio.Future[None]") -> None:
        self._stop_requests += 1
        if not stop.done():
            self._told_to_stop()
            stop.set_result(None)
        elif self._stop_requests > 1:
            self._cut_all()

    async def _drain(self) -> None:
        for each in self._listeners:
            self._loop.remove_reader(each.fileno())
            each.close()
        for task in tuple(self._door.tasks):
            task.cancel()
        self._links.begin_drain()
        if self._links.live:
            log.info(
                "stopping: %d sessions have %g s to end",
                len(self._links.live),
                self._settings.drain_timeout,
            )
        try:
            async with asyncio.timeout(self._settings.drain_timeout):
                await self._links.drained()
        except TimeoutError:
            log.warning("%d sessions did not end in time and are cut", len(self._links.live))
            self._cut_all()
        await self._links.left()

    def _cut_all(self) -> None:
        for link in tuple(self._links.live):
            link.cut(Reason.STOPPING)
