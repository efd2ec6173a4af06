"""Find PostgreSQL's server programs, and run a throw-away cluster with them.

PostgreSQL refuses to run as root, so a cluster started by root runs as the account
``postgres``, or ``nobody`` where there is none. (PostgreSQL manual, chapter 19.1 and 19.3.)
"""

import contextlib
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pgward.core.errors import InvalidInputError, NotFoundError, PgwardError

BIN_VARIABLE = "PGWARD_PG_BIN"
"""Directories (separated by ``:``) that are searched for PostgreSQL before all others."""

_INSTALL_GLOBS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql/bin")
_NEEDED = ("postgres", "initdb", "pg_ctl")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_INITDB_OPTIONS = (
    *("--no-sync", "--encoding=UTF8", "--locale=C"),
    *("--auth-local=trust", "--auth-host=scram-sha-256"),
)
_START_SECONDS = 60
_STOP_SECONDS = 30
_PORT_ATTEMPTS = 5
_MAX_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 elsewhere
_SOCKET_NAME = ".s.PGSQL.65535.lock"


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system account that a server runs as."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account to run a server as, or None when we are not root and run it ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise NotFoundError(
        "PostgreSQL does not run as root, and there is no account postgres or nobody",
        hint="create one: useradd --system postgres",
    )


def major_version(bin_dir: Path) -> int:
    """Return the major version of the server in ``bin_dir``, for example 15."""
    output = _run((bin_dir / "postgres", "--version"))
    match = _VERSION.search(output)
    if match is None:
        raise PgwardError(f"{bin_dir}/postgres does not tell its version: {output.strip()!r}")
    return int(match[1])


def find_binaries(version: int | None = None) -> Path:
    """Return the directory of PostgreSQL's server programs: the newest, or the major ``version``.

    Looks in PGWARD_PG_BIN (which wins when no version is asked for), on PATH and where
    distributions install. Raises NotFoundError.
    """
    chosen = list(_usable(_split(os.environ.get(BIN_VARIABLE, ""))))
    if chosen and version is None:
        return chosen[0]
    found = [*chosen, *_usable(_split(os.environ.get("PATH", ""))), *_usable(_installed())]
    versions = [(major_version(directory), directory) for directory in dict.fromkeys(found)]
    matching = [pair for pair in versions if version in (None, pair[0])]
    if not matching:
        wanted = "PostgreSQL" if version is None else f"PostgreSQL {version}"
        raise NotFoundError(
            f"no server programs of {wanted} were found",
            hint=f"install them, or set {BIN_VARIABLE} to the directory of initdb and postgres",
        )
    return max(matching, key=lambda pair: pair[0])[1]


def find_client(name: str, near: Path | None = None) -> Path:
    """Return the client program ``name`` (psql, pgbench …): next to the server's, or on PATH."""
    if near is not None and (near / name).exists():
        return near / name
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    for directory in sorted(_installed(), reverse=True):
        if (directory / name).exists():
            return directory / name
    raise NotFoundError(f"{name} was not found", hint="install PostgreSQL's client programs")


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
        except BaseException:
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
        return _run(command, account=self.account, directory=self.directory)

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
    return _run(command, timeout=timeout).rstrip("\n")


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


def _split(path: str) -> Iterator[Path]:
    return (Path(part) for part in path.split(os.pathsep) if part)


def _installed() -> Iterator[Path]:
    for pattern in _INSTALL_GLOBS:
        yield from sorted(Path("/").glob(pattern))


def _usable(directories: Iterator[Path]) -> Iterator[Path]:
    for directory in directories:
        if _has_programs(directory):
            # A directory of symlinks, as /usr/local/bin may be, lacks the client programs.
            real = (directory / "postgres").resolve().parent
            yield real if _has_programs(real) else directory.absolute()


def _has_programs(directory: Path) -> bool:
    return all(os.access(directory / name, os.X_OK) for name in _NEEDED)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


def execute(
    command: Sequence[str | Path],
    *,
    account: Account | None = None,
    directory: Path | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program as ``account`` (which needs root), without the PG* variables of our own.

    ``directory`` must be one that the account can enter. Raises subprocess.TimeoutExpired.
    """
    return subprocess.run(
        command,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        cwd=directory,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def _run(
    command: Sequence[str | Path],
    *,
    account: Account | None = None,
    directory: Path | None = None,
    timeout: float | None = None,
) -> str:
    name = Path(command[0]).name
    try:
        done = execute(command, account=account, directory=directory, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise PgwardError(f"{name} did not finish within {timeout} seconds") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()) or f"exit code {done.returncode}"
        raise PgwardError(f"{name} failed: {said}")
    return done.stdout
