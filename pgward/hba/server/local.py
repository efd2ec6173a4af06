"""This machine."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import psutil

from pgward.core.errors import NotFoundError, PgwardError
from pgward.hba.server import programs
from pgward.hba.server.disk import Disk, DiskError, owner_of
from pgward.hba.server.disk_files import DiskFiles
from pgward.hba.server.interfaces import interfaces
from pgward.hba.server.locking import locked
from pgward.system.postgres import Account, execute, find_client

SERVER_NAMES = frozenset({"postgres", "postmaster"})
_SERVER_CONFIGS = "etc/postgresql/*/*/postgresql.conf"
_AS_WHOM = "run this as root, or as the account that the server runs as: sudo -u postgres …"
WHERE = "psql -c 'show data_directory' tells where it is"


@dataclass(frozen=True, slots=True)
class LocalAccess:
    """What ``access.Access`` is, here."""

    @property
    def trees(self) -> None:
        """Directories are at hand."""
        return

    @property
    def ahead(self) -> timedelta:
        """It is this machine's clock."""
        return timedelta()

    def disk(self, account: Account) -> Disk:
        """Return file access as an account."""
        return Disk(account)

    def config_files(self, account: Account) -> DiskFiles:
        """Return the configuration files, as an account reads them."""
        return DiskFiles(Disk(account))

    def interfaces(self) -> tuple[IPv4Interface | IPv6Interface, ...]:
        """Return this machine's addresses with their networks."""
        return interfaces()

    def owner_of(self, path: Path) -> Account:
        """Return who owns a path."""
        try:
            return owner_of(path)
        except DiskError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise NotFoundError(f"there is no {path}", hint=WHERE) from error
            if isinstance(error.__cause__, PermissionError):
                raise DiskError(error.message, hint=_AS_WHOM) from error
            raise

    def check_caller(self, path: Path, owner: Account) -> None:
        """Raise PgwardError unless we are root or the owner."""
        if os.geteuid() not in {0, owner.uid}:
            raise PgwardError(
                f"{path} belongs to another account (uid {owner.uid})",
                hint=_AS_WHOM,
            )

    def execute(
        self,
        command: Sequence[str | Path],
        *,
        account: Account,
        directory: Path,
        timeout: float,
        told: str = "",
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program as the account."""
        as_account = account if os.geteuid() == 0 else None
        return execute(command, account=as_account, directory=directory, timeout=timeout, told=told)

    def execute_all(
        self,
        commands: Sequence[Sequence[str | Path]],
        *,
        account: Account,
        directory: Path,
        timeout: float,
    ) -> "list[subprocess.CompletedProcess[str]]":
        """Run programs one after the other."""
        return [
            self.execute(each, account=account, directory=directory, timeout=timeout)
            for each in commands
        ]

    def program_of(self, pid: int) -> Path | None:
        """Return the program that a process runs."""
        try:
            return Path(psutil.Process(pid).exe())
        except psutil.Error:
            return None

    def find_binaries(self, version: int, owner: Account, near: Sequence[Path]) -> Path:
        """Return the directory of the server's programs, those ``near`` first."""
        return programs.find(version, owner, near)

    def find_client(self, name: str, near: Path) -> Path:
        """Return a client program."""
        return find_client(name, near)

    def account_name(self, account: Account) -> str:
        """Return the account's name."""
        import pwd  # noqa: PLC0415 - not on every system

        try:
            return pwd.getpwuid(account.uid).pw_name
        except KeyError:
            return account.name

    def distribution_configs(self) -> list[Path]:
        """Return Debian's configurations."""
        return sorted(Path("/").glob(_SERVER_CONFIGS))

    def is_server(self, pid: int, owner: Account) -> bool:
        """Tell whether this is a server of the owner, for it will be sent a signal."""
        try:
            process = psutil.Process(pid)
            return process.name() in SERVER_NAMES and process.uids().real == owner.uid
        except psutil.Error:
            return False

    def hang_up(self, pid: int, owner: Account | None = None) -> None:
        """Send SIGHUP to the server of the owner that this still is.

        The account wrote the number, and could have root signal another process by it, that has
        the number since: so the process is held first, and then looked at.
        """
        sys.audit("os.kill", pid, signal.SIGHUP)
        with _held(pid) as hang_up:
            if owner is not None and not self.is_server(pid, owner):
                raise ProcessLookupError
            hang_up()

    def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect to a port."""
        return socket.create_connection((host, port), timeout=timeout)

    def locked(self, path: Path, owner: Account, *, seconds: float) -> AbstractContextManager[None]:
        """Hold a lock."""
        return locked(path, owner, seconds=seconds)


@contextlib.contextmanager
def _held(pid: int) -> Iterator[Callable[[], None]]:
    """Give what sends SIGHUP to the process that has the number now, and to no other."""
    if not hasattr(os, "pidfd_open"):
        yield lambda: os.kill(pid, signal.SIGHUP)
        return
    handle = os.pidfd_open(pid)
    try:
        yield lambda: signal.pidfd_send_signal(handle, signal.SIGHUP)
    finally:
        os.close(handle)


LOCAL = LocalAccess()
