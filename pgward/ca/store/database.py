"""The store: reading and writing transactions, each all or nothing.

The functions here block: call them off the event loop.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from pgward.ca import observe
from pgward.ca.store.engine import BUSY_SECONDS, begin_reading, begin_writing, explain
from pgward.ca.store.pulse import Pulse
from pgward.ca.store.transaction import SNAPSHOT, Transaction, counter
from pgward.core.errors import UnavailableError

_VOUCHED = "pgward_vouched"


def _nothing(_connection: Connection) -> None:
    pass


class Store:
    """An open store. ``write`` inside ``write`` (same thread) joins the outer transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Called with each connection before it is used first; what it raises is passed on.
        self.vouch: Callable[[Connection], None] = _nothing
        self.pulse = Pulse()
        self.pulse.watch(engine)
        self._writer = threading.Lock()
        self._current = threading.local()
        self._listeners: list[Callable[[], None]] = []

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Yield the one writing transaction; commit at the end, roll back on any exception.

        Raises UnavailableError when the database cannot take it; then nothing was changed.
        """
        outer: Transaction | None = getattr(self._current, "transaction", None)
        if outer is not None:
            yield outer
            return
        with observe.step("store.write"), self._one_writer(), explained():
            transaction = yield from self._run()
        if transaction.has_changed and not transaction.is_discarded:
            self.announce()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one state of the store: the open ``write``'s inside one."""
        outer: Transaction | None = getattr(self._current, "transaction", None)
        if outer is not None:
            yield outer.connection
            return
        with explained(), self.engine.connect() as connection:
            reading = begin_reading(connection)
            self._see(reading)
            yield reading

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after each commit here that edges must know of (in any thread).

        Returns a function that ends this.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def version(self) -> int:
        """Return the change counter: the version of the edges' snapshots."""
        with self.read() as connection:
            return counter(connection, SNAPSHOT)

    def close(self) -> None:
        """Close all connections; an SQLite WAL is folded into the file."""
        self.engine.dispose()

    def _run(self) -> Generator[Transaction, None, Transaction]:
        with self.engine.connect() as connection:
            writing = begin_writing(connection)
            self._see(writing)
            transaction = Transaction(writing)
            self._current.transaction = transaction
            try:
                yield transaction
                if transaction.is_discarded:
                    writing.rollback()
                else:
                    transaction.finish()
                    writing.commit()
            finally:
                self._current.transaction = None
        return transaction

    def _see(self, connection: Connection) -> None:
        if _VOUCHED not in connection.info:  # of the driver's connection, as long as that lives
            self.vouch(connection)
            connection.info[_VOUCHED] = True

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        if not self._writer.acquire(timeout=BUSY_SECONDS):
            raise UnavailableError("the authority's store is too busy", hint="try again")
        try:
            yield
        finally:
            self._writer.release()

    def announce(self) -> None:
        """Tell the listeners that something changed, here or in another replica."""
        for listener in tuple(self._listeners):
            listener()


@contextmanager
def explained() -> Iterator[None]:
    """Turn the database's failures into UnavailableError; our own bugs pass through."""
    try:
        yield
    except SQLAlchemyError as error:
        understood = explain(error)
        if understood is None:
            raise
        raise understood from error
