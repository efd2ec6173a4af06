"""One agent: its duties, the CA's news, the spool, the health endpoint and the signals, joined."""

import codecs
import importlib
import logging
import os
import pwd
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import Protocol

from pgward.core.errors import ConflictError, PgwardError, UnavailableError
from pgward.hba.agent.duty import Duty
from pgward.hba.agent.news import News
from pgward.hba.agent.place import Place
from pgward.hba.agent.report import Report
from pgward.hba.agent.runner import Runner
from pgward.hba.install.host import Host
from pgward.system import service_manager
from pgward.system.files import FileLock
from pgward.system.postgres import Account

log = logging.getLogger("pgward.hba")

STOP_SECONDS = 60.0
"""A change of the server's files that is under way gets so long to end."""
STILL_SECONDS = 2.0
"""How often it is looked whether the agent still is where it was started."""
_LATE_CODECS = ("ascii", "idna", "latin-1", "utf-8")
_LATE_MODULES = ("psycopg", "httpx2", "pgward.client.api", "psutil")


class Spool(Protocol):
    """Delivers audit events."""

    def start(self) -> object:
        """Deliver from now on."""
        ...

    def deliver(self) -> None:
        """Deliver all that there is."""
        ...

    def stop(self) -> None:
        """Deliver nothing further."""
        ...


class Agent:
    """Runs duties until told to stop; ``look`` makes a report of their runners.

    ``still`` raises PgwardError when the agent must begin anew.
    """

    def __init__(
        self,
        runners: Sequence[Runner],
        news: News,
        spool: Spool,
        look: Callable[[], Report],
        still: Callable[[], None] = lambda: None,
    ) -> None:
        self._runners = runners
        self._still = still
        self._news = news
        self._spool = spool
        self._look = look
        self._stop = threading.Event()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Run until SIGTERM or SIGINT; SIGHUP gives every duty a turn.

        Raises what ``still`` raises, after all has been put down.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)
        self._spool.start()
        for runner in self._runners:
            runner.start()
        self._news.start()
        on_ready()
        service_manager.tell("READY=1")
        try:
            while not self._stop.wait(min(STILL_SECONDS, self._watchdog() or STILL_SECONDS)):
                service_manager.tell("WATCHDOG=1")
                self._still()
        finally:
            service_manager.tell("STOPPING=1")
            self._end()

    def once(self) -> Report:
        """Give each duty one turn, deliver what there is to tell; return how it went."""
        try:
            self._news.poll()
        except PgwardError as error:
            log.warning("the CA cannot be used for now: %s", error)
        for runner in self._runners:
            runner.turn()
            runner.duty.close()
        try:
            self._spool.deliver()
        except (PgwardError, OSError) as error:
            log.warning("audit events wait: %s", error)
        self._spool.stop()
        return self._look()

    def _watchdog(self) -> float | None:
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        return int(microseconds) / 2e6 if microseconds.isdigit() else None

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _on_hangup(self, _number: int, _frame: FrameType | None) -> None:
        for runner in self._runners:
            runner.wake()

    def _end(self) -> None:
        self._news.stop()
        for runner in self._runners:
            runner.stop()
        for runner in self._runners:
            if not runner.join(STOP_SECONDS):
                log.error("%s does not end, and is left", runner.duty.name)
        self._spool.stop()


def wake(runners: Sequence[Runner], parts: frozenset[str]) -> None:
    """Give a turn to every duty that follows one of these parts."""
    for runner in runners:
        if runner.duty.follows & parts:
            runner.wake()


def named(runners: Sequence[Runner], name: str) -> Callable[[], None]:
    """Return what wakes the duty of this name, if there is one."""

    def wake_it() -> None:
        for runner in runners:
            if runner.duty.name == name:
                runner.wake()

    return wake_it


def runners_of(duties: Sequence[Duty], make: Callable[[Duty], Runner]) -> list[Runner]:
    """Return a runner for each duty."""
    return [make(duty) for duty in duties]


def alone(host: Host, held: ExitStack) -> Place:
    """Hold the data directory for this agent until ``held`` is closed; raise ConflictError."""
    path = host.state_dir / "agent.lock"
    try:
        held.enter_context(FileLock(path, timeout=0))
    except UnavailableError as error:
        raise ConflictError(
            f"another agent serves {host.data_dir.path}",
            hint="pgward hba agent --status tells how it fares",
        ) from error
    return Place.of(host, path)


def become(account: Account) -> None:
    """Be this account from now on where root is asked to; else stay who we are.

    Threads share who the process is, so taking the account on for each access is not for them.
    """
    if os.geteuid() != 0 or account.uid == 0:
        return
    _import_late_modules()
    try:
        name = pwd.getpwuid(account.uid).pw_name
        groups = os.getgrouplist(name, account.gid)
    except KeyError:
        groups = [account.gid]
    os.setgroups(groups)
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)


def _import_late_modules() -> None:
    """Import what is imported only when it is used: root's Python may be closed to the account."""
    for name in _LATE_CODECS:
        codecs.lookup(name)
    for name in _LATE_MODULES:
        importlib.import_module(name)


def without_libpq_variables() -> None:
    """Forget PG* variables: the agent connects to its own server, and nowhere else."""
    for name in [name for name in os.environ if name.startswith("PG") and name.isupper()]:
        if not name.startswith("PGWARD_"):
            del os.environ[name]
