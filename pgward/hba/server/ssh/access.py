"""Another machine, by SSH: as root, as the server's account, or with sudo."""

import contextlib
import secrets
import socket
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from pgward.core.clock import rfc3339
from pgward.core.errors import NotFoundError, PgwardError, UnavailableError
from pgward.hba.server.disk import DiskError
from pgward.hba.server.interfaces import read
from pgward.hba.server.local import SERVER_NAMES, WHERE
from pgward.hba.server.locking import session_path
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.connection import Connection, Done
from pgward.hba.server.ssh.disk import SshDisk
from pgward.hba.server.ssh.disk_files import SshFiles
from pgward.hba.server.ssh.running import Runner, check_fence
from pgward.hba.server.ssh.scripts import Command
from pgward.hba.server.ssh.shell import Shell
from pgward.hba.server.ssh.trees import SshTrees
from pgward.system.postgres import Account

_SPARE_SECONDS = 30.0
_USUAL = "postgres"
_LET = "have sudo let you become that account without a password (NOPASSWD)"
_ADDRESS = 5
_NAMELESS = "UNKNOWN"  # what stat says of a uid without an account


class SshAccess:
    """What ``access.Access`` is, there. One server's account is worked as, that of ``owner_of``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._login = Runner(Shell(connection))
        self._uid, self._ahead = self._who()
        self._runner = self._login
        self._account: Account | None = None
        self._clients: dict[str, Path] = {}

    def _who(self) -> tuple[int, timedelta]:
        before = datetime.now(UTC)
        said = self._login.ask(scripts.WHO)
        after = datetime.now(UTC)
        words = said.stdout.split()
        if said.status or len(words) != 2 or not all(word.isdigit() for word in words):  # noqa: PLR2004 - uid, time
            text = said.stderr.strip() or said.stdout.decode(errors="replace").strip()
            raise PgwardError(
                f"the shell of {self._connection.target} does not run commands: {text[:80]!r}",
                hint="give that account a shell, and look for a forced command",
            )
        there = datetime.fromtimestamp(int(words[1]), UTC)
        return int(words[0]), _apart(there, before, after)

    @property
    def ahead(self) -> timedelta:
        """How far that machine's clock is ahead, by more than the journey there may take."""
        return self._ahead

    @property
    def trees(self) -> SshTrees:
        """Whole directories there."""
        return SshTrees(self._runner)

    def disk(self, account: Account) -> SshDisk:  # noqa: ARG002 - there is one account
        """Return file access as the server's account."""
        return SshDisk(self._runner)

    def config_files(self, account: Account) -> SshFiles:  # noqa: ARG002 - there is one account
        """Return the configuration files, as the server's account reads them."""
        return SshFiles(self._runner)

    def interfaces(self) -> tuple[IPv4Interface | IPv6Interface, ...]:
        """Return that machine's addresses with their networks."""
        done = self._runner.ask(scripts.ADDRESSES)
        if done.status:
            why = "there is no ip" if done.status == scripts.MISSING else done.said
            raise NotFoundError(
                f"the addresses of {self._connection.target} are not known, which samehost and "
                f"samenet mean: {why}",
                hint="install iproute2 there, or run pgward on that machine",
            )
        return addresses(done.stdout.decode(errors="replace"))

    def owner_of(self, path: Path) -> Account:
        """Return who owns the data directory, and work as that account from now on."""
        done = self._login.ask(scripts.OWNER, str(path))
        why = done.said
        if "Permission denied" in done.stderr and self._uid:  # and may be open to sudo
            with contextlib.closing(Shell(self._connection, _sudo(_USUAL))) as shell:
                done = Runner(shell).ask(scripts.OWNER, str(path))
            why = f"{why}; by sudo: {done.said}"
        if "No such file" in done.stderr:
            raise NotFoundError(f"there is no {path} on {self._connection.target}", hint=WHERE)
        if done.status:
            raise DiskError(
                f"cannot read {path} on {self._connection.target}: {why}",
                hint=f"come as root or {_USUAL}, or {_LET}",
            )
        name, uid, gid = done.stdout.decode("utf-8", "surrogateescape").rsplit(None, 2)
        self._become(Account(name, int(uid), int(gid)))
        return Account(name, int(uid), int(gid))

    def check_caller(self, path: Path, owner: Account) -> None:
        """Raise PgwardError when we cannot become the owner there."""
        done = self._runner.ask("true")
        if done.status:
            raise PgwardError(
                f"{path} on {self._connection.target} belongs to {owner.name}, and we cannot "
                f"become that account: {done.said}",
                hint=f"come as root or {owner.name}, or {_LET}",
            )

    def execute(
        self,
        command: Sequence[str | Path],
        *,
        account: Account,  # noqa: ARG002 - there is one
        directory: Path,
        timeout: float,
        told: str = "",
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program as the server's account."""
        asked = _program(directory, command, told)
        try:
            done = self._runner.ask_in(asked, timeout)
        except TimeoutError as error:
            raise subprocess.TimeoutExpired(list(map(str, command)), timeout) from error
        return _completed(command, done)

    def execute_all(
        self,
        commands: Sequence[Sequence[str | Path]],
        *,
        account: Account,  # noqa: ARG002 - there is one
        directory: Path,
        timeout: float,
    ) -> "list[subprocess.CompletedProcess[str]]":
        """Run programs as the server's account, on one journey."""
        asked = [_program(directory, each) for each in commands]
        try:
            done = self._runner.ask_now(asked, timeout)
        except TimeoutError as error:
            raise subprocess.TimeoutExpired(list(map(str, commands[0])), timeout) from error
        return [_completed(each, one) for each, one in zip(commands, done, strict=True)]

    def program_of(self, pid: int) -> Path | None:
        """Return the program that a process runs."""
        done = self._runner.ask(scripts.PROGRAM, str(pid))
        said = done.stdout.decode("utf-8", "surrogateescape")
        return Path(said.removesuffix("\n")) if said.startswith("/") else None

    def find_binaries(self, version: int, owner: Account, near: Sequence[Path]) -> Path:  # noqa: ARG002 - one account
        """Return the directory of the server's programs: those ``near`` first."""
        done = self._runner.ask(scripts.BINARIES, str(version), *map(str, near))
        if done.status:
            raise NotFoundError(
                f"no server programs of PostgreSQL {version} were found on "
                f"{self._connection.target}",
                hint="start the server once, which notes where they are",
            )
        return Path(done.stdout.decode().strip())

    def find_client(self, name: str, near: Path) -> Path:
        """Return a client program there."""
        if name not in self._clients:
            done = self._runner.ask(scripts.CLIENT, name, str(near))
            if done.status:
                raise NotFoundError(f"{name} was not found on {self._connection.target}")
            self._clients[name] = Path(done.stdout.decode().strip())
        return self._clients[name]

    def account_name(self, account: Account) -> str:
        """Return the account's name there."""
        return account.name

    def distribution_configs(self) -> list[Path]:
        """Return Debian's configurations."""
        said = self._runner.ask(scripts.CONFIGS).stdout.decode()
        return [Path(line) for line in said.splitlines()]

    def is_server(self, pid: int, owner: Account) -> bool:
        """Tell whether a process is a server of the owner."""
        done = self._runner.ask(scripts.PROCESS, str(pid))
        said = dict(line.split(":", 1) for line in done.stdout.decode().splitlines() if ":" in line)
        uids = said.get("Uid", "").split()
        is_owner = bool(uids) and uids[0] == str(owner.uid)
        return said.get("Name", "").strip() in SERVER_NAMES and is_owner

    def hang_up(self, pid: int, owner: Account | None = None) -> None:  # noqa: ARG002 - one account
        """Send SIGHUP to a server of the owner; raise ProcessLookupError when it has ended."""
        done = self._runner.ask_fenced(scripts.HANG_UP, str(pid))
        check_fence(done, f"process {pid}")
        if done.status == scripts.MISSING or "No such process" in done.stderr:
            raise ProcessLookupError
        if done.status:
            raise PgwardError(f"PostgreSQL could not be told to reload: {done.said}")

    def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect to a port from there."""
        return self._connection.dial(host, port, timeout)

    @contextlib.contextmanager
    def locked(self, path: Path, owner: Account, *, seconds: float) -> Iterator[None]:  # noqa: ARG002 - one account
        """Hold the lock as long as the connection lasts, against runs there, too."""
        session, word = str(session_path(path)), secrets.token_hex(16)
        holder = f"a run by SSH, since {rfc3339(datetime.now(UTC))}"
        lock = Command(scripts.LOCK, (str(path), f"{max(seconds, 0.01):g}", session, word, holder))
        held = self._shell.hold(lock, seconds + _SPARE_SECONDS)
        if isinstance(held, Done):
            self._refuse(held, path)
            return
        try:
            with self._runner.session(session, word):
                yield
        finally:
            held.release()

    def _refuse(self, done: Done, path: Path) -> None:
        if done.status == scripts.BUSY:
            holder = done.stdout.decode(errors="replace").strip()
            raise UnavailableError(
                f"another run of pgward works on this server: {holder or path}",
                hint="wait for it, or end it, and try again",
            )
        raise DiskError(f"cannot lock {path}: {done.said}")

    def _become(self, account: Account) -> None:
        """Work as an account from now on."""
        if self._account == account:
            return
        self._account = account
        self._shell = Shell(self._connection, self._prefix(account))
        self._runner = Runner(self._shell)

    def _prefix(self, account: Account) -> list[str]:
        if account.uid == self._uid:
            return []
        return _becoming(account) if self._uid == 0 else _sudo(account.name)


def addresses(text: str) -> tuple[IPv4Interface | IPv6Interface, ...]:
    """Read what ``ip -o addr show`` prints; a peer's address is not that machine's own."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > _ADDRESS and words[2] in {"inet", "inet6"}:
            mask = words[5] if words[4] == "peer" else words[3]
            found.append(read(words[3].partition("/")[0], _mask(mask)))
    return tuple(each for each in found if each is not None)


def _mask(text: str) -> str | None:
    """Return the length of an address's network, as it stands behind it."""
    return text.partition("/")[2] or None


def _apart(there: datetime, before: datetime, after: datetime) -> timedelta:
    """Return how far a clock is ahead that said a time in between; whole seconds come late."""
    if there > after:
        return there - after
    latest = there + timedelta(seconds=1)
    return latest - before if latest < before else timedelta()


def _sudo(name: str) -> list[str]:
    return ["sudo", "-n", "-u", name, "--"]


def _becoming(account: Account) -> list[str]:
    """Return what root becomes an account by: unlike runuser, it logs no session for each."""
    groups = "--clear-groups" if account.name == _NAMELESS else "--init-groups"
    return ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", groups, "--"]


def _program(directory: Path, command: Sequence[str | Path], told: str = "") -> Command:
    data = told.encode("utf-8", "surrogateescape")
    return Command(scripts.RUN, (str(directory), *map(str, command)), data)


def _completed(command: Sequence[str | Path], done: Done) -> "subprocess.CompletedProcess[str]":
    stdout = done.stdout.decode(errors="replace")
    return subprocess.CompletedProcess(command, done.status, stdout, done.stderr)
