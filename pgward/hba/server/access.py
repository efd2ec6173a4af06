"""The machine that a server runs on: its files, programs, processes and ports.

``local`` is this one; ``ssh`` reaches another.
"""

import socket
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from typing import Protocol

from pgward.hba.syntax.files import Files
from pgward.system.postgres import Account

Tree = dict[str, bytes | Path | None]
"""Relative paths to a file's bytes, a symlink's target, or None for a directory."""


@dataclass(frozen=True, slots=True)
class Status:
    """What ``stat`` says: kind and permissions, and whose it is."""

    mode: int
    uid: int
    gid: int


class FileAccess(Protocol):
    """Files touched as one account, and never as more; failures are DiskError.

    ``disk.Disk`` says what each does; that of another machine does the same.
    """

    def read(self, path: Path) -> bytes | None:
        """Return the content, or None without a file."""

    def replace(
        self, path: Path, data: bytes, *, mode: int = 0o600, like: Path | None = None
    ) -> None:
        """Put a file whole, with the attributes of the one there, or else of ``like``."""

    def restore(self, path: Path, backup: Path) -> None:
        """Move a backup back into place."""

    def names(self, path: Path) -> list[str]:
        """Return the names in a directory, sorted."""

    def link(self, path: Path) -> str | None:
        """Return where a symlink leads."""

    def resolve(self, path: Path) -> Path:
        """Return the path of the file that symlinks lead to."""

    def move(self, source: Path, target: Path) -> None:
        """Rename, over another one if there is one."""

    def sweep(self, path: Path) -> None:
        """Remove what killed runs left beside a file."""

    def make_dir(self, path: Path) -> None:
        """Make a 0700 directory, unless it is there."""

    def point(self, link: Path, target: str) -> None:
        """Make a symlink point somewhere, atomically."""

    def remove(self, path: Path) -> None:
        """Remove a file, a symlink or a whole directory, if it is there."""

    def statuses(self, paths: Iterable[Path]) -> list[Status]:
        """Return what there is at each path, through symlinks; DiskError has an OSError's cause."""

    def together(self) -> AbstractContextManager[None]:
        """Let changes be gathered: done in their order, and none after one that fails."""

    def looking(self, paths: Iterable[Path]) -> AbstractContextManager[None]:
        """Let what is read twice be the same, until something is changed; ``paths`` are wanted."""


class Trees(Protocol):
    """Whole directories, for what must be worked on here and belongs there."""

    def read(self, directory: Path) -> Tree:
        """Return the content; nothing without such a directory. Within bounds, or DiskError."""

    def put(self, directory: Path, tree: Tree) -> None:
        """Replace the content, so that there is the old or the new one whole."""


class Access(Protocol):
    """What is done with a server's machine."""

    @property
    def trees(self) -> Trees | None:
        """Whole directories there; None where they are at hand."""

    @property
    def ahead(self) -> timedelta:
        """How far that machine's clock is ahead of this one's, where it matters."""

    def disk(self, account: Account) -> FileAccess:
        """Return file access as an account."""

    def config_files(self, account: Account) -> Files:
        """Return the configuration files, and those that they include."""

    def interfaces(self) -> tuple[IPv4Interface | IPv6Interface, ...]:
        """Return that machine's addresses with their networks."""

    def owner_of(self, path: Path) -> Account:
        """Return who owns a path; raise DiskError, NotFoundError."""

    def check_caller(self, path: Path, owner: Account) -> None:
        """Raise PgwardError when we may not work as the owner."""

    def execute(
        self,
        command: Sequence[str | Path],
        *,
        account: Account,
        directory: Path,
        timeout: float,
        told: str = "",
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program, which is told something, as the account; raise TimeoutExpired."""

    def execute_all(
        self,
        commands: Sequence[Sequence[str | Path]],
        *,
        account: Account,
        directory: Path,
        timeout: float,
    ) -> "list[subprocess.CompletedProcess[str]]":
        """Run programs that change nothing; ``timeout`` is for all of them."""

    def program_of(self, pid: int) -> Path | None:
        """Return the program that a process runs; None when there is no telling."""

    def find_binaries(self, version: int, owner: Account, near: Sequence[Path]) -> Path:
        """Return the directory of the server's programs, those ``near`` first.

        The owner may have named these, so they are never run but as the owner. Raises
        NotFoundError.
        """

    def find_client(self, name: str, near: Path) -> Path:
        """Return a client program; raise NotFoundError."""

    def account_name(self, account: Account) -> str:
        """Return the account's name there."""

    def distribution_configs(self) -> list[Path]:
        """Return the configurations that a distribution keeps apart from data directories."""

    def is_server(self, pid: int, owner: Account) -> bool:
        """Tell whether a process is a server of the owner."""

    def hang_up(self, pid: int, owner: Account | None = None) -> None:
        """Send SIGHUP to a server of the owner; raise ProcessLookupError when it has ended."""

    def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect to a port from there; raise OSError."""

    def locked(self, path: Path, owner: Account, *, seconds: float) -> AbstractContextManager[None]:
        """Hold a lock; raise UnavailableError, naming the holder, when it is not free in time."""
