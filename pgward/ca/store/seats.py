"""What one replica holds at a time, and loses with its life: a file's lock, or a database's.

Beside the leader's seat there is a *presence*, which everyone who serves a store has, and which
keeps away who wants the store for itself (``alone``), to move it.
"""

import fcntl
import logging
import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from pgward.ca.store import marks, postgresql
from pgward.ca.store.database import explained
from pgward.ca.store.engine import make_single
from pgward.ca.store.pulse import Pulse, ServerClock
from pgward.core.clock import Clock, SystemClock
from pgward.core.errors import ConflictError
from pgward.system import files

# Numbers of PostgreSQL's advisory locks; any constants will do that no other program uses.
_LEADER = 0x70677761_7265
_SERVING = 0x70677761_7266
_CLOCK = 0x70677761_7267  # shared by those whose clocks agree with the database's
_log = logging.getLogger(__name__)


class Seat(Protocol):
    """Every method but ``wake`` belongs to one thread."""

    def take(self) -> bool:
        """Take the seat if it is free; tell whether it is ours, which is looked at each time.

        Raises PgwardError: it is then not ours. MarkedError: the store must be served no more.
        """
        ...

    def leave(self) -> None:
        """Give the seat and the presence up."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until another replica changed something, and tell whether it did."""
        ...

    def wake(self) -> None:
        """End a ``wait``, of now or later, at once; from any thread."""
        ...


def seat(url: URL, pulse: Pulse | None = None, clock: Clock | None = None) -> Seat:
    """Return the leader's seat of a store, who takes the ``pulse`` of its server."""
    if url.drivername == "sqlite":
        return FileSeat(Path(url.database or ""))
    return DatabaseSeat(url, pulse or Pulse(), clock or SystemClock())


@contextmanager
def alone(url: URL) -> Iterator[None]:
    """Keep everyone from serving a store, who must not either: ConflictError when someone does."""
    if url.drivername == "sqlite":
        descriptor = _open(Path(url.database or ""), "serving")
        try:
            _lock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
        return
    engine = make_single(url)
    Pulse().watch(engine)
    try:
        with explained(), engine.connect() as connection:
            if not _advisory(connection, "pg_try_advisory_lock", _SERVING) or _others(connection):
                raise _served()
            yield
    finally:
        engine.dispose()


@contextmanager
def unserved(connection: Connection) -> Iterator[None]:
    """Keep everyone from serving until the writing transaction that is open has ended.

    ConflictError when someone serves; unlike ``alone`` it lets others wait for their turn to write.
    """
    if connection.dialect.name == "postgresql":
        if not _advisory(connection, "pg_try_advisory_xact_lock", _SERVING):
            raise _served()
        yield
        return
    descriptor = _open(Path(connection.engine.url.database or ""), "serving")
    try:
        _lock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class FileSeat:
    """Of an SQLite store: locks of two files beside it, which the kernel drops at our end."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._presence = -1
        self._held = -1
        self._awake = threading.Event()

    def take(self) -> bool:
        """See ``Seat``."""
        if self._presence < 0:
            self._presence = self._locked("serving", fcntl.LOCK_SH)
        if self._held < 0:
            with suppress(ConflictError):
                self._held = self._locked("leader", fcntl.LOCK_EX)
        return self._held >= 0

    def leave(self) -> None:
        """See ``Seat``."""
        for descriptor in (self._held, self._presence):
            if descriptor >= 0:
                os.close(descriptor)
        self._held = self._presence = -1

    def wait(self, seconds: float) -> bool:
        """See ``Seat``; SQLite tells no other process of changes."""
        self._awake.wait(seconds)
        return False

    def wake(self) -> None:
        """See ``Seat``."""
        self._awake.set()

    def _locked(self, what: str, kind: int) -> int:
        descriptor = _open(self._database, what)
        try:
            _lock(descriptor, kind)
        except BaseException:  # whatever ends this, no descriptor holds the lock unseen
            os.close(descriptor)
            raise
        return descriptor


class DatabaseSeat:
    """On PostgreSQL: advisory locks of a session of its own, which hears of changes as well.

    The server gives the seat to another when that session ends, so it is looked at each time.
    Who has another clock than the database and another replica does not take it: what it signs
    would be from the future, or too old.
    """

    def __init__(self, url: URL, pulse: Pulse, clock: Clock) -> None:
        self._engine = make_single(url)
        self._pulse = pulse
        self._clock = clock
        self._votes = False
        pulse.watch(self._engine, always_dials=True)
        self._connection: Connection | None = None
        self._held = False
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def take(self) -> bool:
        """See ``Seat``."""
        try:
            with explained():
                connection = self._connected()
                if self._compare_clocks(connection).is_odd:
                    self._give_up(connection)
                else:
                    self._held = self._held or _advisory(
                        connection, "pg_try_advisory_lock", _LEADER
                    )
        except BaseException:  # whatever ended the look, we cannot know that we still lead
            self._disconnect()
            raise
        self._pulse.feel()
        return self._held

    def leave(self) -> None:
        """See ``Seat``; it cannot be taken again."""
        self._disconnect()
        self._engine.dispose()
        for descriptor in (self._reader, self._writer):
            os.close(descriptor)

    def wait(self, seconds: float) -> bool:
        """See ``Seat``."""
        if self._connection is None:
            select.select([self._reader], [], [], seconds)
            return False
        driver: Any = self._connection.connection.driver_connection
        try:
            select.select([self._reader, driver.fileno()], [], [], seconds)
            return bool(list(driver.notifies(timeout=0)))
        except (OSError, driver_error()):  # broken: the next ``take`` finds that out
            return False

    def wake(self) -> None:
        """See ``Seat``."""
        with suppress(BlockingIOError):
            os.write(self._writer, b"x")

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = connection = self._engine.connect()
            if not _advisory(connection, "pg_try_advisory_lock_shared", _SERVING):
                raise _served()
            marks.refuse(connection)  # it may have been moved while we had lost it
            connection.exec_driver_sql(f"LISTEN {postgresql.CHANGES}")
        return self._connection

    def _compare_clocks(self, connection: Connection) -> ServerClock:
        theirs = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        ahead = self._clock.now() - theirs
        agrees = ServerClock(ahead, is_odd=False).agrees
        if agrees != self._votes:
            vote = "pg_try_advisory_lock_shared" if agrees else "pg_advisory_unlock_shared"
            _advisory(connection, vote, _CLOCK)
            self._votes = agrees
        found = ServerClock(ahead, is_odd=not agrees and _another_votes(connection))
        before, self._pulse.clock = self._pulse.clock, found
        if not agrees and (before is None or before.agrees or before.is_odd != found.is_odd):
            _tell(found)
        return found

    def _give_up(self, connection: Connection) -> None:
        if self._held:
            _advisory(connection, "pg_advisory_unlock", _LEADER)
        self._held = False

    def _disconnect(self) -> None:
        self._held = self._votes = False
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()


def driver_error() -> type[Exception]:
    """Return what psycopg raises, which need not be installed."""
    import psycopg  # noqa: PLC0415 - an SQLite store does without it

    return psycopg.Error


def _another_votes(connection: Connection) -> bool:
    """Tell whether another session holds the lock of those whose clocks agree."""
    asked = sa.text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND classid::bigint = :high AND objid::bigint = :low AND pid <> pg_backend_pid()"
    )
    key = {"high": _CLOCK >> 32, "low": _CLOCK & 0xFFFFFFFF}
    return bool(connection.execute(asked, key).scalar_one())


def _tell(clock: ServerClock) -> None:
    seconds = round(clock.ahead.total_seconds())
    what = f"this machine's clock is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'}"
    why = "; another replica's is not" if clock.is_odd else ""
    _log.warning("%s the database's%s", what, why)


def _advisory(connection: Connection, function: str, lock: int) -> bool:
    asked = sa.select(getattr(sa.func, function)(lock))
    return connection.execute(asked).scalar_one() is True


def _others(connection: Connection) -> bool:
    """Tell whether replicas are connected whose own session is lost just now."""
    asked = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = :name AND pid <> pg_backend_pid()"
    )
    return bool(connection.execute(asked, {"name": postgresql.APPLICATION}).scalar_one())


def _open(database: Path, what: str) -> int:
    path = database.with_name(f"{database.name}-{what}")
    with files.storage_errors(path, "lock"):
        return files.open_regular(path, os.O_RDWR | os.O_CREAT)


def _lock(descriptor: int, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _served() from None


def _served() -> ConflictError:
    return ConflictError(
        "another pgward process uses this store",
        hint="end `pgward ca serve` on every machine that serves it, then try again",
    )
