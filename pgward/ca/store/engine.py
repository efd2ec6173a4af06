"""Engines for the two databases, and what their failures mean to a caller.

SQLite runs in WAL mode with ``synchronous=FULL``: what was committed survives a
power cut. Transactions begin explicitly, so that a writer takes its lock at once
(``BEGIN IMMEDIATE``) and never fails half-way with SQLITE_BUSY.
"""

import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from pgward.core.errors import InvalidInputError, PgwardError, UnavailableError

BUSY_SECONDS = 10
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
    "53300": "it has too many connections",
    "25006": "it is read-only",
    "55P03": "it stays locked",
}


def parse_url(url: str) -> URL:
    """Read a database URL; only ``sqlite:///PATH`` and ``postgresql+psycopg://`` are served."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise InvalidInputError("the database URL is malformed", hint=_URL_HINT) from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg") or not parsed.database:
        raise InvalidInputError("the database URL names no served database", hint=_URL_HINT)
    return parsed


_URL_HINT = "for example sqlite:////var/lib/pgward/ca.db or postgresql+psycopg://user@host/pgward"


def make_engine(url: URL) -> Engine:
    """Return an engine whose transactions begin as the module says."""
    try:
        if url.drivername == "sqlite":
            return _sqlite(url)
        return sa.create_engine(url, pool_pre_ping=True, pool_size=8, hide_parameters=True)
    except (NoSuchModuleError, ImportError) as error:
        raise InvalidInputError(
            "the driver for this database is not installed", hint="pip install 'psycopg[binary]'"
        ) from error


def _sqlite(url: URL) -> Engine:
    engine = sa.create_engine(
        url, pool_size=8, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # None switches the driver's own, implicit BEGIN off.
    connection.isolation_level = None
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("pgward_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def begin_reading(connection: Connection) -> Connection:
    """Make the connection's next transaction see one state of the database."""
    if connection.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    connection.begin()
    return connection


def begin_writing(connection: Connection) -> Connection:
    """Make the connection's next transaction the only writing one."""
    writing = connection.execution_options(pgward_writes=True)
    writing.begin()
    if writing.dialect.name == "postgresql":
        writing.execute(sa.text(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'"))
        writing.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITER_LOCK)))
    return writing


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
