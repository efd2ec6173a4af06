"""A superuser's session over the local socket, held for a whole run: SQL never stands in an argv.

What such a session locks is free again when the run is killed, which is how the next one knows.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Self

from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.login.link import EndedError, Link, Target, connected
from pgward.hba.login.messages import Messages, beginning
from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.disk import acting_as
from pgward.hba.server.sql import superusers
from pgward.pgwire import backend, frontend
from pgward.pgwire.errors import WireError
from pgward.system.postgres import Account

_DATABASE = "postgres"
_MOST_ROW = 1024 * 1024
_SECONDS = 30.0
_QUIET = (
    "set statement_timeout = '20s'; set lock_timeout = '10s'; set log_statement = 'none'; "
    "set log_min_duration_statement = -1; set synchronous_commit = 'local'"
)

# Not every version has each of them.
_PATIENT = (
    "select pg_catalog.set_config(name, '0', false) from pg_catalog.pg_settings where name in "
    "('idle_session_timeout', 'client_connection_check_interval', 'transaction_timeout')"
)


class SqlError(PgwardError):
    """The server refused a statement."""


class Admin:
    """One session; ``query`` runs a statement and returns its rows."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._messages = Messages(link, _MOST_ROW)
        self.is_sound = True  # unless a query was cut short

    @classmethod
    @contextlib.contextmanager
    def session(cls, data_dir: DataDir, running: Running, superuser: str | None) -> Iterator[Self]:
        """Log in as the server's account, which peer lines know; raise PgwardError."""
        said: list[str] = []
        for user in superusers(data_dir, superuser):
            with contextlib.ExitStack() as stack:
                try:
                    admin = cls._open(stack, running, data_dir.owner, user)
                except (EndedError, OSError, PgwardError) as error:
                    detail = error.seen.detail if isinstance(error, EndedError) else str(error)
                    said.append(f"{user}: {detail}")
                    continue
                yield admin
                return
        raise PgwardError(
            f"no superuser gets in over the local socket: {'; '.join(said)}",
            hint="name one who does, by peer or trust, with --psql-user",
        )

    @classmethod
    def _open(
        cls, stack: contextlib.ExitStack, running: Running, owner: Account, user: str
    ) -> Self:
        path = f"{running.socket_dir}/.s.PGSQL.{running.port}"
        target = Target(None, path=socket_path(path))
        with acting_as(owner):  # the kernel tells the server who we are when we connect
            link = stack.enter_context(connected(target, _SECONDS))
        made = cls(link)
        link.send(beginning(user, _DATABASE))
        made._rows(logging_in=True)
        if made.query("show is_superuser") != [["on"]]:
            raise PgwardError("is no superuser")
        made.query(_QUIET)
        made.query(_PATIENT)
        return made

    def query(self, sql: str) -> list[list[str | None]]:
        """Return the rows; raise SqlError, UnavailableError when the session is gone."""
        self.begin(sql)
        return self.finish()

    def begin(self, sql: str) -> None:
        """Have the server run a statement, and do not wait for it; raise UnavailableError."""
        self._link.extend(_SECONDS)
        self.is_sound = False
        try:
            self._messages.send(frontend.query(sql))
        except OSError as error:
            raise UnavailableError(f"the server ended the session: {error}") from error

    def finish(self) -> list[list[str | None]]:
        """Wait for the statement's end; raises what ``query`` raises."""
        self._link.extend(_SECONDS)
        try:
            rows = self._rows()
        except SqlError:
            self.is_sound = True
            raise
        except (OSError, WireError) as error:
            raise UnavailableError(f"the server ended the session: {error}") from error
        self.is_sound = True
        return rows

    def close(self) -> None:
        """Go, so that the server frees what the session locks."""
        self.is_sound = False
        self._link.close()

    def _rows(self, *, logging_in: bool = False) -> list[list[str | None]]:
        rows: list[list[str | None]] = []
        failed: SqlError | None = None
        while True:
            kind, body = self._messages.next()
            if kind == backend.ERROR:
                failed = SqlError(backend.read_fields(body).get("M", ""))
                if logging_in:
                    raise failed
            elif kind == backend.AUTHENTICATION and backend.read_authentication(body)[0]:
                raise PgwardError("the server asks for a password")
            elif kind == backend.DATA_ROW:
                rows.append(_text(backend.read_data_row(body)))
            elif kind == backend.READY:
                if failed is not None:
                    raise failed
                return rows


def _text(row: Iterable[bytes | None]) -> list[str | None]:
    return [None if each is None else each.decode("utf-8", "replace") for each in row]


def socket_path(path: str) -> str:
    """Return a socket's path as the kernel wants it; @ begins an abstract one."""
    return "\0" + path[1:] if path.startswith("@") else path
