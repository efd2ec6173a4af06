"""Engines for the two databases, and what their failures mean to a caller.

SQLite runs in WAL mode with ``synchronous=FULL``: what was committed survives a
power cut. Transactions begin explicitly, so that a writer takes its lock at once
(``BEGIN IMMEDIATE``) and never fails half-way with SQLITE_BUSY.
"""

import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from pgward.ca.store import postgresql
from pgward.core.errors import InvalidInputError, PgwardError, UnavailableError

BUSY_SECONDS = 10
WRITES = "pgward_writes"  # the execution option of a writing transaction
# Serialises writers on PostgreSQL, as SQLite's one writer does; any constant will do.
WRITER_LOCK = 0x70677761_7264

_SQLITE_TROUBLE = {
    sqlite3.SQLITE_FULL: "its disk is full",
    sqlite3.SQLITE_READONLY: "its disk is read-only",
    sqlite3.SQLITE_IOERR: "its disk fails",
    sqlite3.SQLITE_BUSY: "another process keeps it locked",
    sqlite3.SQLITE_LOCKED: "another process keeps it locked",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_PERM: "its file may not be opened",
    sqlite3.SQLITE_CORRUPT: "its file is damaged",
    sqlite3.SQLITE_NOTADB: "its file is not a database",
}
_SQLSTATE_TROUBLE = {
    "53100": "its disk is full",
    "40001": "it is too busy",
    "40P01": "it is too busy",
    "53300": "it has too many connections",
    "57014": "it is too slow",
    "25P03": "it does not answer",
    "25006": "it is read-only",
    "55P03": "it stays locked",
}


def parse_url(url: str) -> URL:
    """Read a database URL; only ``sqlite:///PATH`` and ``postgresql://`` are served.

    Of PostgreSQL several hosts may be named, as libpq does, or a service.
    """
    try:
        parsed = sa.make_url(postgresql.with_hosts_apart(url))
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise InvalidInputError("the database URL is malformed", hint=_URL_HINT) from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername=postgresql.DRIVER)
    served = parsed.drivername in ("sqlite", postgresql.DRIVER)
    if not served or not (parsed.database or "service" in parsed.query):
        raise InvalidInputError("the database URL names no served database", hint=_URL_HINT)
    return parsed


_URL_HINT = "for example sqlite:////var/lib/pgward/ca.db or postgresql+psycopg://user@host/pgward"


def make_engine(url: URL) -> Engine:
    """Return an engine whose transactions begin as the module says."""
    if url.drivername == "sqlite":
        return _sqlite(url)
    return _postgresql(url, pool_pre_ping=True, pool_size=8, pool_timeout=BUSY_SECONDS)


def make_single(url: URL) -> Engine:
    """Return an engine for PostgreSQL that opens a connection of its own each time."""
    return _postgresql(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")


def _postgresql(url: URL, **options: Any) -> Engine:
    arguments = postgresql.connect_arguments(url)
    try:
        engine = sa.create_engine(url, hide_parameters=True, connect_args=arguments, **options)
    except (NoSuchModuleError, ImportError) as error:
        raise InvalidInputError(
            "the driver for this database is not installed", hint="pip install 'psycopg[binary]'"
        ) from error
    event.listen(engine, "connect", postgresql.configure)
    event.listen(engine, "handle_error", _tell_lost_commits)
    return engine


def _tell_lost_commits(context: ExceptionContext) -> None:
    """Say so when a connection broke during COMMIT: whether it was done, nobody here knows."""
    connection = context.connection
    if connection is None or not context.is_disconnect or context.statement is not None:
        return
    if connection.get_execution_options().get(WRITES):
        raise UnavailableError(
            "the authority's store was lost while a change was committed",
            hint="look whether it was made; if not, try again",
        ) from context.original_exception


def _sqlite(url: URL) -> Engine:
    # Last in, first out: a writer finds its pages in the connection that it used before.
    engine = sa.create_engine(
        url,
        pool_size=8,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS},
    )
    # Many rows in one step: the driver gives up the interpreter, and waits for it, at each.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # None switches the driver's own, implicit BEGIN off.
    connection.isolation_level = None
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def use_wal(connection: Connection) -> None:
    """Let an SQLite file remember that it writes ahead."""
    try:  # outside a transaction, or SQLite refuses
        connection.connection.cursor().execute("PRAGMA journal_mode = WAL").close()
    except sqlite3.Error as error:
        raise OperationalError("PRAGMA journal_mode", None, error) from error


def begin_reading(connection: Connection) -> Connection:
    """Make the connection's next transaction see one state of the database."""
    if connection.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    connection.begin()
    return connection


def begin_writing(connection: Connection) -> Connection:
    """Make the connection's next transaction the only writing one."""
    writing = connection.execution_options(**{WRITES: True})
    if writing.dialect.name != "postgresql":
        writing.begin()
        return writing
    try:
        _take_turn(writing)
    except DBAPIError as error:
        # Nothing was done yet, so another connection may begin in the place of a broken one.
        if not error.connection_invalidated:
            raise
        writing.rollback()
        _take_turn(writing)
    return writing


def _take_turn(writing: Connection) -> None:
    writing.begin()
    writing.execute(sa.text(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'"))
    writing.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITER_LOCK)))


def explain(error: SQLAlchemyError) -> PgwardError | None:
    """Return what a person should read for a database failure; None when it is our own bug."""
    if isinstance(error, sa.exc.TimeoutError):
        return UnavailableError("the authority's store is too busy", hint="try again")
    if not isinstance(error, DBAPIError) or error.orig is None:
        return None
    trouble = _trouble(error, error.orig)
    if trouble is None:
        return None
    return UnavailableError(f"the authority's store is unavailable: {trouble}", hint=_STORE_HINT)


_STORE_HINT = "nothing was changed; the authority's administrator must look at its store"


def _trouble(error: DBAPIError, original: BaseException) -> str | None:
    if isinstance(original, sqlite3.Error):
        code: int | None = getattr(original, "sqlite_errorcode", None)
        return None if code is None else _SQLITE_TROUBLE.get(code & 0xFF)
    state: str | None = getattr(original, "sqlstate", None)
    if state in _SQLSTATE_TROUBLE:
        return _SQLSTATE_TROUBLE[state]
    lost = error.connection_invalidated or (
        state is None and isinstance(error, sa.exc.OperationalError)
    )
    return "it does not answer" if lost or (state or "").startswith(("08", "57P")) else None
