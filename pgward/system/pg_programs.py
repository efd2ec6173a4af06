"""Find PostgreSQL's programs, and run them: as root, as an unprivileged account."""

import contextlib
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgward.core.errors import NotFoundError, PgwardError

BIN_VARIABLE = "PGWARD_PG_BIN"
"""Directories (separated by ``:``) that are searched for PostgreSQL before all others."""

_INSTALL_GLOBS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql/bin")
_NEEDED = ("postgres", "initdb", "pg_ctl")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_ASK_SECONDS = 30.0
_HANDED_ON = frozenset({"PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ"})
"""What another account's program may see of our environment, where secrets may stand."""


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


def major_version(bin_dir: Path, account: Account | None = None) -> int:
    """Return the major version of the server in ``bin_dir``, for example 15, asked as ``account``.

    Raises PgwardError.
    """
    directory = None if account is None else Path("/")
    command = (bin_dir / "postgres", "--version")
    output = run(command, account=account, directory=directory, timeout=_ASK_SECONDS)
    match = _VERSION.search(output)
    if match is None:
        raise PgwardError(f"{bin_dir}/postgres does not tell its version: {output.strip()!r}")
    return int(match[1])


def find_binaries(version: int | None = None) -> Path:
    """Return the directory of PostgreSQL's server programs: the newest, or the major ``version``.

    Looks in PGWARD_PG_BIN (which wins when no version is asked for), on PATH and where
    distributions install. Raises NotFoundError.
    """
    chosen = chosen_binaries()
    if chosen and version is None:
        return chosen[0]
    found = [*chosen, *usual_binaries()]
    versions = [(major_version(directory), directory) for directory in dict.fromkeys(found)]
    matching = [pair for pair in versions if version in (None, pair[0])]
    if not matching:
        wanted = "PostgreSQL" if version is None else f"PostgreSQL {version}"
        raise NotFoundError(
            f"no server programs of {wanted} were found",
            hint=f"install them, or set {BIN_VARIABLE} to the directory of initdb and postgres",
        )
    return max(matching, key=lambda pair: pair[0])[1]


def chosen_binaries() -> list[Path]:
    """Return the directories in PGWARD_PG_BIN that have server programs."""
    return list(_usable(_split(os.environ.get(BIN_VARIABLE, ""))))


def usual_binaries() -> Iterator[Path]:
    """Yield the directories on PATH, and those of distributions, that have server programs."""
    yield from _usable(_split(os.environ.get("PATH", "")))
    yield from _usable(_installed())


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


def _environment(account: Account | None) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if (not name.startswith("PG") if account is None else name in _HANDED_ON)
    }
    return {**kept, "LC_ALL": "C"}


def execute(
    command: Sequence[str | Path],
    *,
    account: Account | None = None,
    directory: Path | None = None,
    timeout: float | None = None,
    told: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a program as ``account`` (which needs root), without the PG* variables of our own.

    ``directory`` must be one that the account can enter; ``told`` is its standard input. What runs
    as another account gets neither our environment nor our terminal, into which it could type.
    Raises subprocess.TimeoutExpired.
    """
    return subprocess.run(
        command,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        start_new_session=account is not None,
        cwd=directory,
        env=_environment(account),
        input=told,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def run(
    command: Sequence[str | Path],
    *,
    account: Account | None = None,
    directory: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program as ``execute`` does; return its stdout. PgwardError carries its stderr."""
    name = Path(command[0]).name
    try:
        done = execute(command, account=account, directory=directory, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise PgwardError(f"{name} did not finish within {timeout} seconds") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()) or f"exit code {done.returncode}"
        raise PgwardError(f"{name} failed: {said}")
    return done.stdout


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
