"""Run throw-away PostgreSQL clusters; what finds and runs the programs is offered here too.

PostgreSQL refuses to run as root, so a cluster started by root runs as the account
``postgres``, or ``nobody`` where there is none. (PostgreSQL manual, chapter 19.1 and 19.3.)
"""

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system.pg_programs import (
    BIN_VARIABLE,
    Account,
    execute,
    find_binaries,
    find_client,
    major_version,
    run,
    server_account,
)

__all__ = [
    "BIN_VARIABLE",
    "Account",
    "Cluster",
    "execute",
    "find_binaries",
    "find_client",
    "free_port",
    "major_version",
    "psql",
    "server_account",
    "temporary_cluster",
    "temporary_directory",
]

_INITDB_OPTIONS = (
    *("--no-sync", "--encoding=UTF8", "--locale=C"),
    *("--auth-local=trust", "--auth-host=scram-sha-256"),
)
_START_SECONDS = 60
_STOP_SECONDS = 30
_PORT_ATTEMPTS = 5
_MAX_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 elsewhere
_SOCKET_NAME = ".s.PGSQL.65535.lock"


class Cluster:
    """A throw-away PostgreSQL server below ``directory``, reached by its superuser ``postgres``.

    The data lies in ``directory/data``, the log in ``directory/server.log``. Local connections
    are trusted: the socket lies in a 0700 directory. As a context manager it is initialised,
    started, and always stopped; removing the directory is the caller's.
    """

    def __init__(
        self,
        directory: Path,
        bin_dir: Path | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.directory = directory.absolute()
        self.bin_dir = find_binaries() if bin_dir is None else bin_dir
        self.data_dir = self.directory / "data"
        self.log_path = self.directory / "server.log"
        self.socket_dir = self.directory / "run"
        self.host = "127.0.0.1"
        self.account = server_account()
        self._settings = {
            "listen_addresses": self.host,
            "fsync": "off",  # a throw-away cluster need not survive a power cut
            **(settings or {}),
        }
        self._port = port

    @property
    def port(self) -> int:
        """The TCP port; chosen at the first start."""
        if self._port is None:
            raise PgwardError("this cluster was not started yet, so it has no port")
        return self._port

    @property
    def version(self) -> int:
        """The major version."""
        return major_version(self.bin_dir)

    def init(self) -> Self:
        """Make the data directory (initdb) and write the settings to postgresql.conf."""
        self.prepare()
        self._server_run("initdb", "-D", self.data_dir, "-U", "postgres", *_INITDB_OPTIONS)
        lines = "".join(f"{name} = '{_quoted(value)}'\n" for name, value in self._settings.items())
        with (self.data_dir / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(lines)
        return self

    def prepare(self) -> None:
        """Make the directories, owned by the server's account, which must be able to reach them."""
        if len(f"{self.socket_dir}/{_SOCKET_NAME}") > _MAX_SOCKET_PATH:
            raise InvalidInputError(
                f"{self.directory} is too long a path for PostgreSQL's Unix socket",
                hint="choose a directory with a shorter path",
            )
        for directory in (self.directory, self.socket_dir):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.account is not None:
                os.chown(directory, self.account.uid, self.account.gid)
        self._check_reachable()

    def start(self) -> Self:
        """Start the server and return when it accepts connections.

        A port that another process took in the meantime is replaced, unless it was asked for.
        """
        for _ in range(_PORT_ATTEMPTS):
            port = self._port or free_port(self.host)
            before = self.log_path.stat().st_size if self.log_path.exists() else 0
            done = self._pg_ctl("start", "-w", "-t", str(_START_SECONDS), *self._flags(port))
            if done.returncode == 0:
                self._port = port
                return self
            said = self.log_path.read_bytes()[before:] if self.log_path.exists() else b""
            if b"Address already in use" not in said or self._port is not None:
                break
        raise PgwardError(
            f"PostgreSQL in {self.data_dir} did not start: {self.log_tail(5) or done.stderr}",
            hint=f"read {self.log_path}",
        )

    def stop(self) -> None:
        """Stop the server, its sessions too; nothing happens when it does not run."""
        if not self.running:
            return
        for mode in ("fast", "immediate"):
            if self._pg_ctl("stop", "-w", "-t", str(_STOP_SECONDS), "-m", mode).returncode == 0:
                return
        raise PgwardError(f"PostgreSQL in {self.data_dir} did not stop: {self.log_tail(5)}")

    @property
    def running(self) -> bool:
        """Whether a server runs on the data directory."""
        pid_file = self.data_dir / "postmaster.pid"
        return pid_file.exists() and self._pg_ctl("status").returncode == 0

    def reload(self) -> None:
        """Have the server read its configuration again (it may silently refuse to)."""
        done = self._pg_ctl("reload")
        if done.returncode:
            raise PgwardError(f"PostgreSQL did not reload: {done.stderr.strip()}")

    def psql(
        self, sql: str, *, database: str = "postgres", user: str = "postgres", timeout: float = 60
    ) -> str:
        """Run ``sql`` over the local socket; return the rows, fields separated by ``|``."""
        conninfo = f"host={self.socket_dir} port={self.port} user={user} dbname={database}"
        return psql(conninfo, sql, program=find_client("psql", self.bin_dir), timeout=timeout)

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of the server's log, or nothing when there is none."""
        if not self.log_path.exists():
            return ""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self) -> Self:
        self.init()
        try:
            return self.start()
        except BaseException:  # Ctrl-C as well: __exit__ is not called for what did not begin
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _flags(self, port: int) -> list[str]:
        return ["-l", str(self.log_path), "-o", f"-p {port} -k {self.socket_dir}"]

    def _pg_ctl(self, action: str, *options: str) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [
            self.bin_dir / "pg_ctl",
            action,
            "-s",
            "-D",
            self.data_dir,
            *options,
        ]
        return execute(command, account=self.account, directory=self.directory)

    def _server_run(self, program: str, *options: str | Path) -> str:
        command = (self.bin_dir / program, *options)
        return run(command, account=self.account, directory=self.directory)

    def _check_reachable(self) -> None:
        if self.account is None:
            return
        for parent in self.directory.parents:
            if not _may_traverse(parent, self.account):
                raise InvalidInputError(
                    f"the account {self.account.name}, which PostgreSQL runs as, "
                    f"cannot enter {parent}",
                    hint=f"choose another directory, or: chmod o+x {parent}",
                )


@contextlib.contextmanager
def temporary_directory(prefix: str = "pgw-") -> Iterator[Path]:
    """Give a directory of a short path that the server's account can reach, then remove it."""
    account = server_account()
    parents = [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 (mkdtemp makes it private)
    longest = _MAX_SOCKET_PATH - len(f"/{prefix}12345678/x/run/{_SOCKET_NAME}")
    reachable = [
        parent
        for parent in parents
        if len(str(parent)) <= longest
        and (account is None or all(_may_traverse(p, account) for p in (parent, *parent.parents)))
    ]
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=(reachable or parents)[0]))
    if account is not None:
        os.chown(directory, account.uid, account.gid)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def temporary_cluster(
    bin_dir: Path | None = None, *, settings: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """Give a running cluster in a temporary directory; stop and remove it in the end."""
    with temporary_directory() as directory, Cluster(directory, bin_dir, settings=settings) as it:
        yield it


def psql(conninfo: str, sql: str, *, program: Path | None = None, timeout: float = 60) -> str:
    """Run ``sql`` in psql; return its unaligned rows. PgwardError carries psql's message."""
    program = find_client("psql") if program is None else program
    command: list[str | Path] = [
        program,
        "-XAtq",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        conninfo,
        "-c",
        sql,
    ]
    return run(command, timeout=timeout).rstrip("\n")


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind((host, 0))
        port: int = listener.getsockname()[1]
        return port


def _may_traverse(directory: Path, account: Account) -> bool:
    status = directory.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
