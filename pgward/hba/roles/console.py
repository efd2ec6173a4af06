"""SQL scripts for a running server, by psql over the local socket as a superuser.

A script is standard input, so that neither its length nor what it names is seen in a list of
processes.
"""

import subprocess
from dataclasses import dataclass
from typing import Self

from pgward.core.errors import NotFoundError, PgwardError
from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.sql import LocalSql

_OPTIONS = ("-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres")
_SECONDS = 60.0


_IN_SCRIPT = 3  # psql's status when a statement failed, and not the connection


class RefusedError(PgwardError):
    """The server refused a statement, and did nothing of its script."""


@dataclass(frozen=True, slots=True)
class Console:
    """A superuser's way into the server."""

    data_dir: DataDir
    running: Running
    user: str

    @classmethod
    def open(cls, data_dir: DataDir, running: Running, superuser: str | None) -> Self | None:
        """Return the way in, or None when no superuser gets in by the local socket."""
        rows = LocalSql(data_dir, running, superuser)(
            "select current_user, current_setting('is_superuser')"
        )
        if not rows or rows[0][1] != "on":
            return None
        return cls(data_dir, running, rows[0][0])

    def run(self, script: str) -> list[str]:
        """Run a script; return the lines that it prints.

        Raises RefusedError with the server's words, PgwardError when it cannot be asked.
        """
        where = ["-h", self.running.socket_dir, "-p", str(self.running.port), "-U", self.user]
        try:
            access = self.data_dir.access
            done = access.execute(
                [access.find_client("psql", self.data_dir.bin_dir), *_OPTIONS, *where, "-f", "-"],
                account=self.data_dir.owner,
                directory=self.data_dir.path,
                timeout=_SECONDS,
                told=script,
            )
        except (NotFoundError, subprocess.TimeoutExpired) as error:
            raise PgwardError(
                f"the server could not be asked about its roles: {error}",
                hint="nothing was changed; look at the server's load, and its locks",
            ) from error
        if done.returncode:
            problem = RefusedError if done.returncode == _IN_SCRIPT else PgwardError
            raise problem(
                f"PostgreSQL refused: {_first(done.stderr)}",
                hint="its roles are as they were before",
            )
        # A name may hold what else ends a line (U+2028, say), but JSON writes line feeds as \n.
        return done.stdout.removesuffix("\n").split("\n") if done.stdout else []


def _first(said: str) -> str:
    lines = [line.partition(": ")[2] or line for line in said.splitlines() if line.strip()]
    return lines[0] if lines else "psql failed"
