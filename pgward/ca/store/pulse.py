"""The pulse of a PostgreSQL server: who waits for one that stands still gives up, all together.

A server that was stopped refuses connections, and TCP's keepalives find a machine that vanished.
One that stands still (a frozen machine, a disk that hangs) keeps every connection and answers
nothing, so only a clock tells. Quick statements (the look before a connection is used, the look
at the leader's seat) take its pulse; once it is lost, nobody dials for a while but the seat.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

QUICK_SECONDS = 5.0  # for what needs no disk and no lock
ANSWER_SECONDS = 25.0  # for any statement: longer than the server itself lets one take
CLOCK_TOLERANCE = timedelta(minutes=1)  # clocks may differ by less
_LOST_SECONDS = 10.0  # then somebody may try, where no seat tells that it is back
_READ_ONLY = ("session is read-only", "server is in hot standby mode")


@dataclass(frozen=True, slots=True)
class ServerClock:
    """How this machine's clock stands to the server's, and to other replicas'."""

    ahead: timedelta
    is_odd: bool  # it differs from the server's, and another replica's does not

    @property
    def agrees(self) -> bool:
        """Whether both say the same."""
        return abs(self.ahead) <= CLOCK_TOLERANCE


class Pulse:
    """Whether a server answers, as its connections in this process find; from any thread.

    ``clock`` is what the seat saw last, if the database has a clock of its own.
    """

    clock: ServerClock | None = None

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._lost_at: float | None = None

    @property
    def is_lost(self) -> bool:
        """Whether it did not answer lately."""
        lost_at = self._lost_at
        return lost_at is not None and self.monotonic() < lost_at + _LOST_SECONDS

    def lose(self) -> None:
        """Say that it did not answer in time."""
        self._lost_at = self.monotonic()

    def feel(self) -> None:
        """Say that it answered."""
        self._lost_at = None

    def watch(self, engine: Engine, *, always_dials: bool = False) -> None:
        """Bound what is waited for on an engine's connections; those of SQLite need it not.

        With ``always_dials`` it is the one that finds out when the server is back.
        """
        if engine.dialect.name != "postgresql":
            return

        def dial(dialect: Any, _entry: object, arguments: Any, parameters: Any) -> Any:
            return self._dial(dialect, arguments, parameters, refuse=not always_dials)

        event.listen(engine, "do_connect", dial)
        # Before anything is asked on it.
        event.listen(engine, "connect", self._attach, insert=True)

    def _attach(self, connection: Any, _entry: object) -> None:
        connection.wait = Waiting(connection, self)

    def _dial(self, dialect: Any, arguments: Any, parameters: Any, *, refuse: bool) -> Any:
        driver = dialect.loaded_dbapi
        if refuse and self.is_lost:
            raise driver.OperationalError("the server did not answer a moment ago")
        try:
            return dialect.connect(*arguments, **parameters)
        except driver.errors.ConnectionTimeout:
            self.lose()
            raise
        except driver.OperationalError as error:
            if any(said in str(error) for said in _READ_ONLY):
                raise driver.errors.ReadOnlySqlTransaction(str(error)) from error
            raise


class Waiting:
    """Stands in for ``wait`` of one psycopg connection, through which all its answers come."""

    def __init__(self, connection: Any, pulse: Pulse) -> None:
        self._connection = connection
        self._wait = connection.wait
        self._pulse = pulse
        self._is_patient = False

    def be_patient(self) -> None:
        """Wait as long as it takes, until the transaction that is open has ended."""
        self._is_patient = True

    def __call__(self, generator: Generator[int, int, Any], *rest: Any, **named: Any) -> Any:
        """Wait as psycopg does; OperationalError when the server does not answer."""
        return self._wait(self._bounded(generator), *rest, **named)

    def _bounded(self, generator: Generator[int, int, Any]) -> Generator[int, int, Any]:
        """Pass on what happens; psycopg says ten times a second that nothing did."""
        began = self._pulse.monotonic()
        most = self._most()
        try:
            wanted = next(generator)
            while True:
                ready = yield wanted
                if not ready:
                    self._look(self._pulse.monotonic() - began, most)
                wanted = generator.send(ready)
        except StopIteration as ended:
            return ended.value

    def _most(self) -> float:
        # Outside a transaction only the quick looks are made: of the pool, and of the seat.
        if self._connection.autocommit:
            return QUICK_SECONDS
        if self._connection.pgconn.transaction_status == 0:  # idle: another transaction begins
            self._is_patient = False
        return float("inf") if self._is_patient else ANSWER_SECONDS

    def _look(self, waited: float, most: float) -> None:
        together = most == ANSWER_SECONDS and self._pulse.is_lost and waited >= QUICK_SECONDS
        if waited < most and not together:
            return
        if most == QUICK_SECONDS:
            self._pulse.lose()
        self._connection.pgconn.finish()  # so that it counts as broken, and is replaced
        raise _driver_error("the server does not answer")


def be_patient(connection: Connection) -> None:
    """Wait for the answers to this transaction as long as they take."""
    waiting = getattr(connection.connection.driver_connection, "wait", None)
    if isinstance(waiting, Waiting):
        waiting.be_patient()


def _driver_error(text: str) -> Exception:
    import psycopg  # noqa: PLC0415 - an SQLite store does without it

    return psycopg.OperationalError(text)
