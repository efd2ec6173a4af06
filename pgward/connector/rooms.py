"""Connections to the databases of a server, one each, for as long as a turn takes."""

import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Protocol, Self

import psycopg

from pgward.access.quoting import is_text
from pgward.core.errors import UnavailableError

LOCK_SECONDS: Final = 1
"""What is locked is tried again in the next turn, and nobody else waits for it."""
STATEMENT_SECONDS: Final = 60
_FIRST_SELF_GRANT: Final = 16
_FIRST_IDLE_TIMEOUT: Final = 14
_FIRST_TRANSACTION_TIMEOUT: Final = 17


class Server(Protocol):
    """The way to a PostgreSQL server."""

    @property
    def version(self) -> int:
        """The major version."""
        ...

    @property
    def database(self) -> str:
        """The database to begin in."""
        ...

    def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
        """Return a new connection, autocommit; raises UnavailableError and DeniedError."""
        ...

    def verifiers(self, passwords: Mapping[str, int]) -> Mapping[str, str]:
        """Return what the server is to keep of passwords of roles, which have these versions.

        Those that are not to be any more are left out. Raises PgwardError.
        """
        ...


class Rooms:
    """The databases of a server that were entered; all are left at the end."""

    def __init__(self, server: Server) -> None:
        self.first = server.database
        self._server = server
        self._open: dict[str, psycopg.Connection[Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in self._open.values():
            with contextlib.suppress(psycopg.Error):  # it may have been cut off
                each.close()
        self._open.clear()

    def verifiers(self, passwords: Mapping[str, int]) -> Mapping[str, str]:
        """Return what the server is to keep of passwords; nobody is asked for none."""
        return self._server.verifiers(passwords) if passwords else {}

    def enter(self, database: str | None = None) -> psycopg.Connection[Any]:
        """Return the connection to a database; raises what the server's ``connect`` raises."""
        name = database or self.first
        if not is_text(name):
            raise UnavailableError(f"the database {name!r} has a name that is no UTF-8")
        if name not in self._open:
            connection = self._server.connect(name)
            try:
                _prepare(connection)
            except psycopg.Error as error:
                connection.close()
                raise UnavailableError(
                    f"the database {name!r} is not to be used: {said(error)}"
                ) from error
            self._open[name] = connection
        return self._open[name]

    def check(self, database: str | None, error: psycopg.Error) -> None:
        """Forget a connection that broke; raise UnavailableError if it was the first one."""
        name = database or self.first
        connection = self._open.get(name)
        if connection is None or not (connection.closed or connection.broken):
            return
        del self._open[name]
        if name == self.first:
            raise UnavailableError(f"the connection was cut off: {said(error)}") from error


def said(error: Exception) -> str:
    """Return a driver's message in one line."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return " ".join(error.diag.message_primary.split())
    return " ".join(str(error).split()) or type(error).__name__


def text(value: str | bytes) -> str:
    """Return a text as psycopg gives it, which knows none in a database without an encoding."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def _encoding(connection: psycopg.Connection[Any]) -> str:
    """Return what is asked in: such a database may hold bytes that no encoding has."""
    known = connection.info.parameter_status("server_encoding")
    return "SQL_ASCII" if known == "SQL_ASCII" else "UTF8"


def _prepare(connection: psycopg.Connection[Any]) -> None:
    """Undo what whoever owns the database set for all who enter it."""
    settings = {
        "role": "none",
        "search_path": "pg_catalog",
        "client_encoding": _encoding(connection),
        "standard_conforming_strings": "on",
        "client_min_messages": "error",
        "default_transaction_read_only": "off",
        "default_transaction_isolation": "read committed",
        "lock_timeout": f"{LOCK_SECONDS}s",
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{STATEMENT_SECONDS}s",
        # A standby that is away must hold up no end of a right.
        "synchronous_commit": "local",
    }
    version = connection.info.server_version // 10_000
    if version >= _FIRST_IDLE_TIMEOUT:
        settings["idle_session_timeout"] = "0"
    if version >= _FIRST_SELF_GRANT:
        settings["createrole_self_grant"] = ""
    if version >= _FIRST_TRANSACTION_TIMEOUT:
        settings["transaction_timeout"] = "0"
    each = ", ".join(["pg_catalog.set_config(%s, %s, false)"] * len(settings))
    connection.execute(
        f"select {each}".encode(), [part for item in settings.items() for part in item]
    )
