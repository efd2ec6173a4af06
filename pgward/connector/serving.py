"""A connector: its feed, its keepers, its reports and the signals, joined."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

from pgward.access.wanted import Wanted
from pgward.client.machine import Machine
from pgward.connector.accounts import Changer
from pgward.connector.answering import Answerer, Asked, Trial
from pgward.connector.assignment import Assignment, ServerSettings
from pgward.connector.ca import ConnectorCa
from pgward.connector.cataloguing import Cataloguer
from pgward.connector.clock import CaClock
from pgward.connector.feed import Feed
from pgward.connector.keeper import Keeper, Reconcile
from pgward.connector.keeping import Keeping
from pgward.connector.logins import Logins, Places
from pgward.connector.outcomes import Outcome
from pgward.connector.reports import Reports
from pgward.connector.server import PostgresServer
from pgward.connector.status import Report
from pgward.connector.tls_files import TlsFiles
from pgward.core.errors import ConflictError, PgwardError, UnavailableError
from pgward.system import service_manager
from pgward.system.files import FileLock

log = logging.getLogger("pgward.connector")

LOCK: Final = "connector.lock"
TICK_SECONDS: Final = 1.0
STOP_SECONDS: Final = 15.0
"""A turn that is under way gets so long to end."""
Integrations = Mapping[str, Mapping[str, Any]]


class Connector:
    """Serves the integrations that the CA says; ``reconcile`` is how a server is worked.

    Raises InvalidInputError for a Vault that is named wrongly, StorageError.
    """

    def __init__(
        self,
        directory: Path,
        machine: Machine,
        reconcile: Reconcile,
        *,
        clock: CaClock | None = None,
        ca: ConnectorCa | None = None,
    ) -> None:
        self.name = machine.name
        self._reconcile = reconcile
        self._ca = ca or ConnectorCa(machine)
        self._clock = clock or CaClock()
        self._files = TlsFiles(directory, lambda: machine.paths.ca)
        self._places = Places(private=[directory])
        self._reports = Reports(directory, self._ca.report)
        self._lock = threading.Lock()
        self._keepers: dict[str, Keeper] = {}
        self._logins: dict[str, Logins] = {}
        self._feed = Feed(
            self._ca,
            self._clock,
            Keeping(directory),
            on_kept=lambda found: self._adopt(found, spoken=False),
            on_told=lambda found: self._adopt(found, spoken=True),
            on_return=self._on_return,
            on_word=self._on_word,
        )
        self._catalog = Cataloguer(machine, now=self._time)
        self._changer = Changer(machine)
        self._answerer = Answerer(machine)
        self._stop = threading.Event()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP has every server looked at now."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)
        self.start()
        on_ready()
        service_manager.tell("READY=1")
        try:
            while not self._stop.wait(min(TICK_SECONDS, _watchdog() or TICK_SECONDS)):
                service_manager.tell("WATCHDOG=1")
                for keeper in self._all():
                    keeper.look()
                self._catalog.look()
                self._answerer.look()
        finally:
            service_manager.tell("STOPPING=1")
            self.close()

    def stop(self) -> None:
        """Have ``run`` end."""
        self._stop.set()

    def start(self) -> None:
        """Begin: first with what is on disk, then as the CA says."""
        self._feed.load_kept()
        self._reports.start()
        self._catalog.start()
        self._changer.start()
        self._feed.start()

    def close(self) -> None:
        """End all of it: no turn begins, those under way get some time."""
        self._stop.set()
        self._feed.stop()
        keepers = self._all()
        for keeper in keepers:
            keeper.stop()
        for keeper in keepers:
            if not keeper.join(STOP_SECONDS):
                log.error("%s: its turn does not end, and is left", keeper.name)
        if not self._catalog.stop(STOP_SECONDS):
            log.error("a look at what a server holds does not end, and is left")
        if not self._answerer.stop(STOP_SECONDS):
            log.error("a plan that somebody asked for does not end, and is left")
        if not self._changer.stop(STOP_SECONDS):
            log.error("the change of a password does not end: it is begun again another time")
        self._reports.stop()
        for logins in self._logins.values():
            logins.close()
        self._places.close()

    def report(self) -> Report:
        """Tell how all of it fares."""
        return Report(
            name=self.name,
            pid=os.getpid(),
            connected=self._feed.connected,
            problem=self._feed.problem,
            version=self._feed.version,
            reports_waiting=self._reports.waiting,
            integrations=tuple(each.facts() for each in self._all()),
        )

    def _all(self) -> list[Keeper]:
        with self._lock:
            return [self._keepers[name] for name in sorted(self._keepers)]

    def _adopt(self, found: Integrations, *, spoken: bool) -> None:
        """Give every keeper its word; make those that are missing, end those not ours any more."""
        with self._lock:
            gone = [self._keepers.pop(name) for name in self._keepers.keys() - found.keys()]
        for keeper in gone:
            log.warning("%s is this connector's no more: it is left as it is", keeper.name)
            keeper.stop()
            self._catalog.drop(keeper.name)
            self._changer.drop(keeper.name)
            self._answerer.drop(keeper.name)
        for name, fields in found.items():
            self._tell(name, fields, spoken=spoken)

    def _tell(self, name: str, fields: Mapping[str, Any], *, spoken: bool) -> None:
        with self._lock:
            keeper = self._keepers.get(name)
        is_new = keeper is None
        keeper = keeper or self._make(name)
        try:
            assignment = Assignment.read(fields)
            keeper.tell(assignment, self._feed.version, spoken=spoken)
            if spoken:  # before that, nobody takes what would be found
                self._look_into(assignment)
        except PgwardError as error:
            log.error("%s: %s", name, error)
            keeper.tell_unread(str(error))
        with self._lock:  # whoever ends all keepers finds none that has not begun
            if is_new and not self._stop.is_set():
                self._keepers[name] = keeper
                keeper.start()

    def _make(self, name: str) -> Keeper:
        return Keeper(
            name,
            clock=self._clock,
            open_server=partial(self._open, name),
            reconcile=Remembering(self._reconcile),
            report=self._reports.add,
            ask=self._feed.ask,
        )

    def _open(self, name: str, settings: ServerSettings) -> PostgresServer:
        with self._lock:  # a keeper and the catalog, each in its thread
            logins = self._logins.get(name)
            if logins is None:
                logins = self._logins[name] = Logins(name, self._ca, self._places, self._files)
        return PostgresServer(name, self.name, settings, logins)

    def _look_into(self, assignment: Assignment) -> None:
        """Begin what is done beside making roles: the catalog, passwords, plans."""
        name, settings, wanted = assignment.name, assignment.settings, assignment.wanted
        server = partial(self._open, name, settings)
        self._catalog.tell(name, server, settings.discovery)
        self._changer.tell(name, server, settings.accounts)
        asked: list[Asked] = list(assignment.questions)
        if assignment.check is not None:
            asked.append(Trial(assignment.check, settings))
        self._answerer.tell(name, server, lambda: wanted.live(self._time()), asked)

    def _time(self) -> datetime:
        return self._clock.now() or datetime.now(UTC)

    def _on_return(self) -> None:
        self._reports.retry()
        for keeper in self._all():
            keeper.retell()

    def _on_word(self) -> None:
        for keeper in self._all():
            keeper.confirm()

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _on_hangup(self, _number: int, _frame: FrameType | None) -> None:
        for keeper in self._all():
            keeper.retell()


class Remembering:
    """Gives each turn what the one before wanted: so what was done by hand is told from news."""

    def __init__(self, reconcile: Any) -> None:
        self._reconcile = reconcile
        self._before: Any = None

    def __call__(self, server: Any, integration: str, wanted: Wanted, *, give: bool) -> Outcome:
        """Do one turn."""
        outcome: Outcome = self._reconcile(
            server, integration, wanted, give=give, before=self._before
        )
        self._before = getattr(outcome, "desired", None)
        return outcome


def alone(directory: Path, held: ExitStack) -> None:
    """Be the only process that serves a directory until ``held`` is closed; raise ConflictError."""
    try:
        held.enter_context(FileLock(directory / LOCK, timeout=0))
    except UnavailableError as error:
        raise ConflictError(
            f"a connector serves from {directory} already",
            hint=f"pgward connector status {directory} tells how it fares",
        ) from error


def _watchdog() -> float | None:
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2e6 if microseconds.isdigit() else None
