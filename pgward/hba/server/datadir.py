"""A data directory: its version, its owner, its programs, its files, and whether it runs."""

import re
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.hba.plan.block import assignments
from pgward.hba.server.access import Access, FileAccess
from pgward.hba.server.disk import DiskError
from pgward.hba.server.local import LOCAL, WHERE
from pgward.hba.syntax.versions import Abilities
from pgward.system.postgres import Account

AUTO_FILE = "postgresql.auto.conf"
OPTIONS_FILE = "postmaster.opts"
PID_FILE = "postmaster.pid"
_LOOKED_AT = ("PG_VERSION", OPTIONS_FILE, "postgresql.conf")
_FILES = ("config_file", "hba_file", "ident_file")
_ASK_SECONDS = 30.0  # an include may be a FIFO, which the server's program waits for
_PID_LINES = 6


@dataclass(frozen=True, slots=True)
class Running:
    """What postmaster.pid says of a running server; ``host`` is None when it has no TCP port.

    The account wrote it: whatever the number means, only a server of ``owner`` is signalled.
    """

    pid: int
    port: int
    socket_dir: str
    host: str | None
    access: Access = field(default=LOCAL, compare=False, repr=False)
    owner: Account | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Directory:
    """What a data directory itself tells, without the server's programs.

    ``options`` are those of its last start, or what says where postgresql.conf is.
    """

    path: Path
    able: Abilities
    owner: Account
    options: tuple[str, ...]

    @classmethod
    def open(cls, path: Path, config_file: Path | None = None, access: Access = LOCAL) -> Self:
        """Look at a data directory.

        Raises InvalidInputError when it is none, DiskError when it cannot be read, NotFoundError
        when it is not there.
        """
        path = path.absolute()
        owner = access.owner_of(path)
        access.check_caller(path, owner)
        disk = access.disk(owner)
        with disk.looking(path / name for name in _LOOKED_AT):
            able = Abilities.of(_version(path, disk))
            return cls(path, able, owner, _options(path, disk, config_file, access))

    @property
    def given(self) -> list[tuple[str, str]]:
        """The settings among the options, which win over all files, in their order."""
        return given(self.options)


@dataclass(frozen=True, slots=True)
class DataDir:
    """One PostgreSQL data directory and where its three configuration files are."""

    path: Path
    able: Abilities
    owner: Account
    bin_dir: Path
    options: tuple[str, ...]
    config_file: Path
    hba_file: Path
    ident_file: Path
    access: Access = field(default=LOCAL, compare=False, repr=False)

    @classmethod
    def open(cls, path: Path, config_file: Path | None = None, access: Access = LOCAL) -> Self:
        """Look at a data directory.

        Raises InvalidInputError when it is none, DiskError when it cannot be read, NotFoundError
        when it is not there, or without server programs of its version, PgwardError when
        postgresql.conf is broken.
        """
        directory = Directory.open(path, config_file, access)
        path, able, owner = directory.path, directory.able, directory.owner
        options = directory.options
        near = _started_from(path, owner, access)
        bin_dir = access.find_binaries(able.version, owner, near)
        asked = _Asker(path, owner, bin_dir, options, access).all(_FILES)
        config, hba, ident = (path / asked[name] for name in _FILES)
        return cls(path, able, owner, bin_dir, options, config, hba, ident, access)

    @property
    def given(self) -> list[tuple[str, str]]:
        """The settings among the options, which win over all files, in their order."""
        return given(self.options)

    @property
    def disk(self) -> FileAccess:
        """File access as the owner."""
        return self.access.disk(self.owner)

    @property
    def auto_file(self) -> Path:
        """The file of ALTER SYSTEM, whose values win over postgresql.conf."""
        return self.path / AUTO_FILE

    def setting(self, name: str) -> str:
        """Return the value that the server would use, from the files as they are now.

        Raises PgwardError with the server's own words when the files are broken.
        """
        return self.settings([name])[name]

    def settings(self, names: Iterable[str]) -> dict[str, str]:
        """Return several values; raises what ``setting`` does."""
        return _Asker(self.path, self.owner, self.bin_dir, self.options, self.access).all(names)

    def running(self) -> Running | None:
        """Return how to reach the server, or None when it does not run."""
        lines = (_text(self.path / PID_FILE, self.disk) or "").splitlines()
        pid = _pid(lines)
        if pid is None or len(lines) < _PID_LINES or not lines[3].isdigit():
            return None
        if not self.access.is_server(pid, self.owner):
            return None
        host = {"": None, "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(  # noqa: S104 - read, not bound
            lines[5].strip(), lines[5].strip()
        )
        return Running(pid, int(lines[3]), lines[4].strip(), host, self.access, self.owner)


def given(options: Iterable[str]) -> list[tuple[str, str]]:
    """Return the settings among a server's command-line options, in their order."""
    pairs = (option.removeprefix("--").partition("=") for option in options)
    return [(name.replace("-", "_"), value) for name, equals, value in pairs if equals]


class _Asker:
    """``postgres -C``: what a setting is, without a running server."""

    def __init__(
        self,
        path: Path,
        owner: Account,
        bin_dir: Path,
        options: tuple[str, ...],
        access: Access,
    ) -> None:
        self._path, self._bin_dir, self._options = path, bin_dir, options
        self._account, self._access = owner, access

    def all(self, names: Iterable[str]) -> dict[str, str]:
        """Return the values of settings; raise PgwardError."""
        wanted = list(names)
        program, where = str(self._bin_dir / "postgres"), ("-D", str(self._path), *self._options)
        try:
            done = self._access.execute_all(
                [[program, "-C", name, *where] for name in wanted],
                account=self._account,
                directory=self._path,
                timeout=_ASK_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise PgwardError(
                f"PostgreSQL did not read its configuration within {_ASK_SECONDS:g} seconds",
                hint="look for what is no plain file among postgresql.conf and what it includes",
            ) from error
        for each in done:
            if each.returncode:
                said = _without_prefix(each.stderr) or f"exit code {each.returncode}"
                raise PgwardError(
                    f"PostgreSQL does not accept its configuration: {said}",
                    hint="mend it first; nothing was changed",
                )
        return {name: each.stdout.strip() for name, each in zip(wanted, done, strict=True)}


def _text(path: Path, disk: FileAccess) -> str | None:
    """Return a file of the data directory, read as its owner: it may be a link to elsewhere."""
    data = disk.read(path)
    return None if data is None else data.decode(errors="replace")


def _version(path: Path, disk: FileAccess) -> int:
    found = _text(path / "PG_VERSION", disk)
    if found is None:
        raise InvalidInputError(
            f"{path} is not a PostgreSQL data directory",
            hint=WHERE,
        )
    text = found.strip()
    if not text.isdigit():
        raise InvalidInputError(f"PostgreSQL {text} is not supported", hint="11 to 18 are")
    return int(text)


def _options(
    path: Path, disk: FileAccess, config_file: Path | None, access: Access
) -> tuple[str, ...]:
    """Return the server's own command-line options, which may say where the files are."""
    given = _last_start_options(path, disk)
    if config_file is None and disk.read(path / "postgresql.conf") is None:
        named = [option for option in given if "config_file=" in option]
        config_file = None if named else _distribution_config(path, disk, access)
    if config_file is not None:
        if disk.read(config_file) is None:
            raise InvalidInputError(f"{config_file} does not exist")
        given = (*given, "-c", f"config_file={config_file.absolute()}")
    return given


def _last_start(path: Path, disk: FileAccess) -> tuple[str, list[str]]:
    """Return the program and its arguments in postmaster.opts, of the last start.

    The program's path stands there as it is, spaces and all, and each argument in double quotes
    (``CreateOptsFile`` in postmaster.c).
    """
    said = (_text(path / OPTIONS_FILE, disk) or "").strip()
    program, quoted, rest = said.partition(' "')
    try:
        return program, shlex.split(f'"{rest}') if quoted else []
    except ValueError:
        return program, []


def _last_start_options(path: Path, disk: FileAccess) -> tuple[str, ...]:
    """Return the ``-c`` options of the last start."""
    _, words = _last_start(path, disk)
    found: list[str] = []
    for first, second in zip(words, [*words[1:], ""], strict=False):
        if first == "-c" and "=" in second:
            found += ["-c", second]
        elif re.match(r"--[a-z_.-]+=", first):
            found.append(first)
    return tuple(found)


def _started_from(path: Path, owner: Account, access: Access) -> list[Path]:
    """Return the directories of the program of its last start, and of the one that runs."""
    disk = access.disk(owner)
    program, _ = _last_start(path, disk)
    found = [Path(program)] if program.startswith("/") else []
    pid = _pid((_text(path / PID_FILE, disk) or "").splitlines())
    if pid is not None and access.is_server(pid, owner):
        runs = access.program_of(pid)
        found += [runs] if runs is not None else []
    return list(dict.fromkeys(each.parent for each in found))


def _pid(lines: list[str]) -> int | None:
    """Return the number in a postmaster.pid; that of a single-user server is negative."""
    first = lines[0].strip() if lines else ""
    return int(first.removeprefix("-")) if re.fullmatch(r"-?\d{1,9}", first) else None


def _distribution_config(path: Path, disk: FileAccess, access: Access) -> Path:
    """Return the configuration that Debian keeps apart from the data directory."""
    for candidate in access.distribution_configs():
        try:
            settings = assignments(disk.read(candidate) or b"")
        except DiskError:
            continue
        if any(s.name == "data_directory" and Path(s.value) == path for s in settings):
            return candidate
    raise InvalidInputError(
        f"{path} has no postgresql.conf", hint="name it: --config-file /etc/…/postgresql.conf"
    )


def _without_prefix(text: str) -> str:
    """Return a server's messages as one line, without times and process numbers."""
    messages = re.findall(r"(?:LOG|ERROR|FATAL|postgres):\s+(.*)", text)
    return "; ".join(messages) or text.strip()
