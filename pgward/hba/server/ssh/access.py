"""Another machine, by SSH: as root, as the server's account, or with sudo."""

import contextlib
import secrets
import socket
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from pgward.core.clock import rfc3339
from pgward.core.errors import NotFoundError, PgwardError, UnavailableError
from pgward.hba.server.disk import DiskError
from pgward.hba.server.interfaces import read
from pgward.hba.server.local import SERVER_NAMES, WHERE
from pgward.hba.server.locking import session_path
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.connection import Connection, Done, Held
from pgward.hba.server.ssh.disk import SshDisk
from pgward.hba.server.ssh.trees import SshTrees
from pgward.system.postgres import Account

_SPARE_SECONDS = 30.0
_USUAL = "postgres"
_ADDRESS = 3  # the field of `ip -oneline` that has it
_NAMELESS = "UNKNOWN"  # what stat says of a uid without an account


class SshAccess:
    """What ``access.Access`` is, there. One server's account is worked as, that of ``owner_of``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._uid = self._who()
        self._account: Account | None = None
        self._fence: tuple[str, str] | None = None
        self._clients: dict[str, Path] = {}

    def _who(self) -> int:
        said = self._plain("id -u").stdout.strip()
        if not said.isdigit():
            raise PgwardError(
                f"the shell of {self._connection.target} does not just run commands: {said[:80]!r}",
                hint="look for what ~/.bashrc or the like prints, or for a forced command",
            )
        return int(said)

    @property
    def trees(self) -> SshTrees:
        """Whole directories there."""
        return SshTrees(self._run)

    def disk(self, account: Account) -> SshDisk:  # noqa: ARG002 - there is one account
        """Return file access as the server's account."""
        return SshDisk(self._run)

    def interfaces(self) -> tuple[IPv4Interface | IPv6Interface, ...]:
        """Return that machine's addresses with their networks."""
        done = self._run(scripts.ADDRESSES)
        if done.status:
            raise NotFoundError(
                f"the addresses of {self._connection.target} are not known, which samehost and "
                "samenet mean",
                hint="install iproute2 there",
            )
        found = [line.split() for line in done.stdout.decode(errors="replace").splitlines()]
        read_ = [read(each[_ADDRESS], None) for each in found if len(each) > _ADDRESS]
        return tuple(each for each in read_ if each is not None)

    def owner_of(self, path: Path) -> Account:
        """Return who owns the data directory, and work as that account from now on."""
        done = self._plain(scripts.command(scripts.OWNER, [str(path)]))
        if done.status and self._uid:  # its parents may be closed to us, and open to sudo
            prefix = ["sudo", "-n", "-u", _USUAL, "--"]
            again = self._plain(scripts.command(scripts.OWNER, [str(path)], prefix=prefix))
            done = done if again.status else again
        if "No such file" in done.stderr:
            raise NotFoundError(f"there is no {path} on {self._connection.target}", hint=WHERE)
        if done.status:
            raise DiskError(f"cannot read {path} on {self._connection.target}: {done.said}")
        name, uid, gid = done.stdout.decode().split()
        self._account = Account(name, int(uid), int(gid))
        return self._account

    def check_caller(self, path: Path, owner: Account) -> None:
        """Raise PgwardError when we cannot become the owner there."""
        done = self._run("true")
        if done.status:
            raise PgwardError(
                f"{path} on {self._connection.target} belongs to {owner.name}, and we cannot "
                f"become that account: {done.said}",
                hint=f"come as root or {owner.name}, or let sudo do it without a password",
            )

    def execute(
        self,
        command: Sequence[str | Path],
        *,
        account: Account,  # noqa: ARG002 - there is one
        directory: Path,
        timeout: float,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program as the server's account."""
        arguments = [str(directory), *map(str, command)]
        try:
            done = self._run(scripts.RUN, *arguments, timeout=timeout)
        except TimeoutError as error:
            raise subprocess.TimeoutExpired(list(map(str, command)), timeout) from error
        stdout = done.stdout.decode(errors="replace")
        return subprocess.CompletedProcess(command, done.status, stdout, done.stderr)

    def program_of(self, pid: int) -> Path | None:
        """Return the program that a process runs."""
        said = self._run(scripts.PROGRAM, str(pid)).stdout.decode("utf-8", "surrogateescape")
        return Path(said.removesuffix("\n")) if said.startswith("/") else None

    def find_binaries(self, version: int, owner: Account, near: Sequence[Path]) -> Path:  # noqa: ARG002 - one account
        """Return the directory of the server's programs: those ``near`` first."""
        done = self._run(scripts.BINARIES, str(version), *map(str, near))
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
            done = self._run(scripts.CLIENT, name, str(near))
            if done.status:
                raise NotFoundError(f"{name} was not found on {self._connection.target}")
            self._clients[name] = Path(done.stdout.decode().strip())
        return self._clients[name]

    def account_name(self, account: Account) -> str:
        """Return the account's name there."""
        return account.name

    def distribution_configs(self) -> list[Path]:
        """Return Debian's configurations."""
        return [Path(line) for line in self._run(scripts.CONFIGS).stdout.decode().splitlines()]

    def is_server(self, pid: int, owner: Account) -> bool:
        """Tell whether a process is a server of the owner."""
        done = self._run(scripts.PROCESS, str(pid))
        said = dict(line.split(":", 1) for line in done.stdout.decode().splitlines() if ":" in line)
        uids = said.get("Uid", "").split()
        is_owner = bool(uids) and uids[0] == str(owner.uid)
        return said.get("Name", "").strip() in SERVER_NAMES and is_owner

    def hang_up(self, pid: int, owner: Account | None = None) -> None:  # noqa: ARG002 - one account
        """Send SIGHUP to a server of the owner; raise ProcessLookupError when it has ended."""
        done = self._run(scripts.HANG_UP, str(pid), fenced=True)
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
        line = self._line(
            scripts.LOCK, [str(path), f"{max(seconds, 0.01):g}", session, word, holder]
        )
        held = self._connection.hold(line, seconds + _SPARE_SECONDS)
        if isinstance(held, Done):
            self._refuse(held, path)
        else:
            yield from self._holding(held, (session, word))

    def _holding(self, held: Held, fence: tuple[str, str]) -> Iterator[None]:
        self._fence = fence
        try:
            yield
        finally:
            self._fence = None
            held.release()

    def _refuse(self, done: Done, path: Path) -> None:
        if done.status == scripts.BUSY:
            holder = done.stdout.decode(errors="replace").strip()
            raise UnavailableError(
                f"another run of pgward works on this server: {holder or path}",
                hint="wait for it, or end it, and try again",
            )
        raise DiskError(f"cannot lock {path}: {done.said}")

    def _run(
        self,
        script: str,
        *arguments: str,
        data: bytes = b"",
        fenced: bool = False,
        timeout: float = 120.0,
    ) -> Done:
        """Run a script as the server's account; what changes something, only as our session."""
        return self._connection.run(self._line(script, arguments, fenced=fenced), data, timeout)

    def _line(self, script: str, arguments: Sequence[str], *, fenced: bool = False) -> str:
        fence = self._fence if fenced else None
        return scripts.command(script, arguments, prefix=self._prefix(), fence=fence)

    def _prefix(self) -> list[str]:
        if self._account is None or self._account.uid == self._uid:
            return []
        if self._uid == 0:
            return _becoming(self._account)
        return ["sudo", "-n", "-u", self._account.name, "--"]

    def _plain(self, line: str) -> Done:
        return self._connection.run(line)


def _becoming(account: Account) -> list[str]:
    """Return what root becomes an account by: unlike runuser, it logs no session for each."""
    groups = "--clear-groups" if account.name == _NAMELESS else "--init-groups"
    return ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", groups, "--"]
