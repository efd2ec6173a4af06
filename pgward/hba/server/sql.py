"""The way to a running server's views: SQL as a superuser, over the local socket."""

import subprocess
from dataclasses import dataclass
from typing import Protocol

from pgward.core.errors import NotFoundError
from pgward.hba.server.datadir import DataDir, Running

SEPARATOR = "\x1f"
"""What stands between the fields of a row, and in none of them."""
_SQL_SECONDS = 20
# Records end with NUL, which no value holds; errors quote whatever stands in a file.
_PSQL_OPTIONS = ("-XAtqw0", "-F", SEPARATOR)


class Sql(Protocol):
    """Runs a query as a superuser; None when there is no such access."""

    def __call__(self, query: str) -> list[list[str]] | None:
        """Return the rows."""


def superusers(data_dir: DataDir, named: str | None) -> list[str]:
    """Return the roles to try over the local socket: the one that was named, or the usual ones."""
    if named is not None:
        return [named]
    return list(dict.fromkeys(["postgres", data_dir.access.account_name(data_dir.owner)]))


@dataclass(frozen=True, slots=True)
class LocalSql:
    """psql over the local socket, as the server's own account, which peer lines know."""

    data_dir: DataDir
    running: Running
    superuser: str | None = None

    def __call__(self, query: str) -> list[list[str]] | None:
        """Return the rows, or None when no superuser gets in."""
        users = superusers(self.data_dir, self.superuser) if self.running.socket_dir else ()
        for user in users:
            done = self._psql(user, query)
            if done is not None and done.returncode == 0:
                return [row.split(SEPARATOR) for row in done.stdout.split("\0") if row]
        return None

    def _psql(self, user: str, query: str) -> subprocess.CompletedProcess[str] | None:
        try:
            program = self.data_dir.access.find_client("psql", self.data_dir.bin_dir)
            return self.data_dir.access.execute(
                [program, *_PSQL_OPTIONS, *self._where(), "-U", user, "-c", query],
                account=self.data_dir.owner,
                directory=self.data_dir.path,
                timeout=_SQL_SECONDS,
            )
        except (NotFoundError, subprocess.TimeoutExpired):
            return None

    def _where(self) -> list[str]:
        return ["-h", self.running.socket_dir, "-p", str(self.running.port), "-d", "postgres"]
