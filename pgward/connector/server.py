"""A PostgreSQL server as a connector reaches it: connections, and the one that holds the lock."""

import logging
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

import psycopg
from psycopg import pq

from pgward.connector import conninfo, lock
from pgward.connector.assignment import ServerSettings
from pgward.connector.conninfo import Credentials
from pgward.connector.logins import Logins
from pgward.connector.watched import HANGS_SECONDS, Watch, WatchedConnection, has_ended
from pgward.core.errors import DeniedError, InvalidInputError, UnavailableError

log = logging.getLogger("pgward.connector")

OLDEST = 11
_NOT_BY_PASSWORD: Final = re.compile(
    r"no pg_hba\.conf entry|pg_hba\.conf rejects|requires a valid client certificate"
    r"|(certificate|[Pp]eer|[Ii]dent) authentication failed|is not permitted to log in"
)
"""PostgreSQL's words of those who may not come at all; libpq tells no SQLSTATE of a refusal."""


class StandbyError(UnavailableError):
    """The server is in recovery: it takes no change until it is the primary."""


class Server(Protocol):
    """What provisioning and discovery work with; each connection is the caller's to close."""

    @property
    def version(self) -> int:
        """The major version."""
        ...

    @property
    def database(self) -> str:
        """The database to begin in."""
        ...

    def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
        """Return a new connection: autocommit, pg_catalog alone in the search path, timeouts.

        Raises UnavailableError (away, starting, not for us), SecretError and what the CA says.
        """
        ...


class PostgresServer:
    """The server of an integration; threads may share it."""

    def __init__(self, name: str, connector: str, settings: ServerSettings, logins: Logins) -> None:
        self.settings = settings
        self._name = name
        self._connector = connector
        self._logins = logins
        self._watch = Watch()
        self._lock = threading.Lock()
        self._holding: WatchedConnection | None = None
        self._waits = False
        self.version = 0
        self.takes = 0
        self.notes: tuple[str, ...] = ()

    @property
    def database(self) -> str:
        """The database to begin in."""
        return self.settings.database

    def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
        """Return a new connection, which the caller closes."""
        return self._connect(database or self.database)

    def log_in(self, user: str, password: str, database: str | None = None) -> None:
        """See whether another account can log in; raise DeniedError, UnavailableError."""
        other = PostgresServer(
            self._name, self._connector, replace(self.settings, user=user), self._logins
        )
        with self._logins.credentials(self.settings) as own:
            other.enter(Credentials(password=password, roots=own.roots), database)

    def enter(self, credentials: Credentials, database: str | None) -> None:
        """Log in with these and leave; raise DeniedError, UnavailableError.

        It is denied as well where pg_hba.conf lets nobody in by a password.
        """
        wanted = database or self.database
        parameters = self._parameters(wanted, credentials)
        try:
            WatchedConnection.connect("", autocommit=True, **parameters).close()
        except psycopg.OperationalError as error:
            if _NOT_BY_PASSWORD.search(str(error)):
                raise DeniedError(said(error), hint="look at pg_hba.conf") from error
            raise self._away(error, wanted) from error

    def verifiers(self, passwords: Mapping[str, int]) -> Mapping[str, str]:
        """Return what the server is to keep of access roles' passwords; raises as the CA does."""
        return self._logins.verifiers(passwords)

    def hold(self) -> None:
        """Be the one connector that works this server, or go on being it.

        ``takes`` counts how often it was not, and another one may have been meanwhile. Raises
        UnavailableError: the server is away; StandbyError; lock.HeldError: another connector serves
        it.
        """
        with self._lock:
            if self._holding is None or self._holding.closed:
                self._holding, self._waits = self._connect(self.database), True
            try:
                self.notes = lock.hold(self._holding, self._name, self._connector)
                self._check_writable(self._holding)
            except lock.HeldError:
                self._waits = True
                raise
            except psycopg.Error as error:
                self._release()
                raise UnavailableError(
                    f"PostgreSQL at {self.settings.address} cannot be asked: {said(error)}"
                ) from error
            self.takes += self._waits
            self._waits = False

    def look(self, longest: float = HANGS_SECONDS) -> int:
        """Hang up on a server that answers nothing for so long; return how many waited for it."""
        ended = self._watch.look(longest)
        if ended and longest:
            log.warning("%s: the server answers nothing: hung up (%d)", self._name, ended)
        return ended

    def is_lost(self) -> bool:
        """Tell whether the server hung up on who holds the lock, and nobody has noticed.

        It may be another one by now, that was behind: a standby that took over, or a backup.
        """
        if not self._lock.acquire(blocking=False):
            return False  # it is asked something right now
        try:
            return self._holding is not None and has_ended(self._holding)
        finally:
            self._lock.release()

    def close(self) -> None:
        """Hold nothing any more."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        holding, self._holding = self._holding, None
        if holding is not None:
            holding.close()

    def _check_writable(self, connection: psycopg.Connection[Any]) -> None:
        (recovers,) = connection.execute("select pg_is_in_recovery()").fetchone() or (True,)
        if recovers:
            raise StandbyError(
                f"PostgreSQL at {self.settings.address} is a standby, which takes no changes",
                hint="name the primary, or what always leads there, as the integration's host",
            )

    def _connect(self, database: str) -> WatchedConnection:
        try:
            connection = self._try(database)
        except psycopg.OperationalError as error:
            # Only where the password was asked for and given can another one be of use.
            if not _refused_password(error):
                raise self._away(error, database) from error
            connection = self._try_again(database, error)
        self._watch.add(connection)
        self.version = connection.info.server_version // 10_000
        if self.version < OLDEST:
            connection.close()
            raise InvalidInputError(f"PostgreSQL {self.version} is too old, {OLDEST} is the oldest")
        return connection

    def _try_again(self, database: str, before: psycopg.OperationalError) -> WatchedConnection:
        try:
            return self._try(database, fresh=True)
        except psycopg.OperationalError as error:
            raise self._away(error, database) from before

    def _try(self, database: str, *, fresh: bool = False) -> WatchedConnection:
        with self._logins.credentials(self.settings, fresh=fresh) as credentials:
            return WatchedConnection.connect(
                "",
                autocommit=True,
                prepare_threshold=None,
                **self._parameters(database, credentials),
            )

    def _parameters(self, database: str, credentials: Credentials) -> dict[str, Any]:
        settings = self.settings
        renamed = settings.server_name is not None and settings.server_name != settings.host
        return dict(
            conninfo.parameters(
                settings,
                credentials,
                database=database,
                connector=self._connector,
                addresses=_addresses(settings) if renamed else (),
                libpq=pq.version(),
            )
        )

    def _away(self, error: psycopg.Error, database: str) -> UnavailableError | DeniedError:
        where = f"{self.settings.address}, database {database}"
        if _refused_password(error):
            return DeniedError(
                f"PostgreSQL at {where} refuses {self.settings.user}: {said(error)}",
                hint="look at auth of the integration, and at the server's log",
            )
        return UnavailableError(f"PostgreSQL at {where} cannot be used: {said(error)}")


def said(error: Exception) -> str:
    """Return a driver's message in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _refused_password(error: psycopg.Error) -> bool:
    return error.pgconn is not None and bool(error.pgconn.used_password)


def _addresses(settings: ServerSettings) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnavailableError(
            f"the host {settings.host} is not found: {(error.strerror or str(error)).lower()}"
        ) from error
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))
