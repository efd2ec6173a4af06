"""The server's sessions, looked at and ended over one connection that stays open.

Whoever asks is a superuser, or a member of pg_read_all_stats and pg_signal_backend. Others would
see no session at all, and be told so by nobody (manual, chapter 27.2.3), so it is asked each time.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pgward.core.errors import NotFoundError, PgwardError, UnavailableError
from pgward.hba.agent.backends import Backend
from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.sql import superusers

if TYPE_CHECKING:
    import psycopg

FIRST_WITH_SERIAL = 12
_SECONDS = 5
_HANGS_SECONDS = 3 * _SECONDS
"""A server that was told to end a query by then, and does not, is a stopped or frozen one."""
# What a certificate says may be cut inside a letter, which no conversion of the server's survives.
_ENCODING = "SQL_ASCII"
_OPTIONS = (
    f"-c statement_timeout={_SECONDS}s -c timezone=UTC -c datestyle=ISO"
    " -c default_transaction_read_only=on"
)
_COLUMNS = (
    "a.pid, a.backend_start::text, a.usename::text, a.datname::text, a.client_addr::text, "
    "a.client_port::text"
)
_LIST = f"""
    select {_COLUMNS}, s.client_serial::text, s.issuer_dn::text, s.client_dn::text
    from pg_stat_activity a join pg_stat_ssl s on s.pid = a.pid
    where s.ssl and s.client_dn is not null and a.backend_start is not null
"""  # noqa: S608 - constants
_RIGHTS = """
    select rolname::text, rolsuper, pg_has_role('pg_read_all_stats', 'usage'),
        pg_has_role('pg_signal_backend', 'usage')
    from pg_roles where rolname = current_user
"""
_LIST_11 = f"""
    select {_COLUMNS}, null, '', s.clientdn::text
    from pg_stat_activity a join pg_stat_ssl s on s.pid = a.pid
    where s.ssl and s.clientdn is not null and a.backend_start is not null
"""  # noqa: S608 - constants
# In one statement, so that another session that has the pid by then is left alone.
_END = """
    select pg_terminate_backend(a.pid)
    from pg_stat_activity a join pg_stat_ssl s on s.pid = a.pid
    where a.pid = %s and a.backend_start = %s::timestamptz and s.ssl
"""


class Sessions:
    """A server's sessions that began with a certificate; ``running`` finds the server."""

    def __init__(
        self, data_dir: DataDir, running: Callable[[], Running | None], user: str | None
    ) -> None:
        self._data_dir = data_dir
        self._running = running
        self._user = user
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self.hindrance: str | None = None

    def every(self) -> list[Backend]:
        """Return them all.

        Raises UnavailableError when the server cannot be asked, PgwardError when it would not tell.
        """
        ((role, is_super, may_see, may_end),) = self._ask(_RIGHTS)
        role = _text(role)
        if not (is_super or may_see):
            self.close()
            raise PgwardError(
                f"the role {role} may not see whose sessions run",
                hint=f'grant pg_read_all_stats, pg_signal_backend to "{role}", or name another '
                "role with --psql-user",
            )
        self.hindrance = None
        if not (is_super or may_end):
            self.hindrance = (
                f"the role {role} may end no session of others: grant it pg_signal_backend, or "
                "name another role with --psql-user"
            )
        rows = self._ask(_LIST if self._tells_serials() else _LIST_11)
        return [_backend(row) for row in rows]

    def end(self, backend: Backend) -> bool:
        """Tell exactly this session to end; False when it has ended already."""
        return bool(self._ask(_END, (backend.pid, backend.started)))

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ask(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        import psycopg  # noqa: PLC0415 - an extra, and of weight

        try:
            connection = self._connected()
            with _hung_up_on(connection, _HANGS_SECONDS):
                return connection.execute(query, values).fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            raise PgwardError(
                f"PostgreSQL does not let us end that session: {_said(error)}",
                hint="sessions of superusers are ended by a superuser only, all others by members "
                "of pg_signal_backend; --psql-user names another role",
            ) from error
        except psycopg.Error as error:
            self.close()  # whatever it was: the next turn begins afresh
            raise UnavailableError(f"PostgreSQL cannot be asked: {_said(error)}") from error

    def _tells_serials(self) -> bool:
        """Ask the server itself: another version may run by now than when we began."""
        version = self._connected().info.server_version // 10_000
        return version >= FIRST_WITH_SERIAL

    def _connected(self) -> "psycopg.Connection[tuple[Any, ...]]":
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        running = self._running()
        if running is None:
            raise UnavailableError("PostgreSQL does not run")
        if not running.socket_dir:
            raise UnavailableError(
                "PostgreSQL has no Unix socket to be asked by", hint="set unix_socket_directories"
            )
        problems: list[Exception] = []
        for user in superusers(self._data_dir, self._user):
            with _noted(problems):
                return _open(running, user)
        raise problems[0]


def check_driver() -> None:
    """Raise NotFoundError where psycopg is not installed."""
    try:
        import psycopg  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise NotFoundError(
            "the agent asks PostgreSQL through psycopg, which is not installed",
            hint="pip install 'pgward[postgresql]'",
        ) from error


def _open(running: Running, user: str) -> "psycopg.Connection[tuple[Any, ...]]":
    import psycopg  # noqa: PLC0415 - an extra, and of weight

    return psycopg.connect(
        host=running.socket_dir,
        port=running.port,
        user=user,
        dbname="postgres",
        application_name="pgward agent",
        connect_timeout=_SECONDS,
        client_encoding=_ENCODING,
        options=_OPTIONS,
        autocommit=True,
    )


@contextlib.contextmanager
def _hung_up_on(
    connection: "psycopg.Connection[tuple[Any, ...]]", seconds: float
) -> Iterator[None]:
    """End the connection when what is done with it takes so long: libpq itself waits for ever."""
    with socket.socket(fileno=os.dup(connection.fileno())) as sock:
        timer = threading.Timer(seconds, _shut, (sock,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        sock.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _noted(problems: list[Exception]) -> Iterator[None]:
    import psycopg  # noqa: PLC0415 - an extra, and of weight

    try:
        yield
    except psycopg.Error as error:
        problems.append(error)


def _backend(row: tuple[Any, ...]) -> Backend:
    pid, started, role, database, address, port, serial, issuer, subject = map(_text, row)
    client = None if address is None else f"{address.partition('/')[0]}:{port}"
    return Backend(
        pid=int(pid or 0),
        started=started or "",
        role=role or "",
        database=database or "",
        client=client,
        serial=None if serial is None else int(serial),
        issuer=issuer or "",
        subject=subject or "",
    )


def _text(value: Any) -> str | None:
    """Return a field as text, which psycopg gives in bytes when it knows no encoding."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return None if value is None else str(value)


def _said(error: Exception) -> str:
    """Return a driver's message in one line."""
    return " ".join(str(error).split()) or type(error).__name__
