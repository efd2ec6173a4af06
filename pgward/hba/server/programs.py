"""The programs of a server: those that it was started from, wherever they lie.

What names them, postmaster.opts, is a file of the account that owns the data directory. So they
are never run but as that account: for root they would be a way to become root.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pgward.core.errors import NotFoundError, PgwardError
from pgward.system.pg_programs import (
    BIN_VARIABLE,
    Account,
    chosen_binaries,
    major_version,
    usual_binaries,
)


def find(version: int, owner: Account, near: Sequence[Path]) -> Path:
    """Return the directory of the server's programs of a version; raise NotFoundError.

    Looks where PGWARD_PG_BIN says, then ``near``, then on PATH and where distributions install.
    """
    account = owner if os.geteuid() == 0 else None
    for directory in dict.fromkeys(_places(owner, near)):
        if _version(directory, account) == version:
            return directory
    raise NotFoundError(
        f"no server programs of PostgreSQL {version} were found",
        hint="start the server once, which notes where they are; or set "
        f"{BIN_VARIABLE} to the directory of initdb and postgres",
    )


def _places(owner: Account, near: Sequence[Path]) -> Iterator[Path]:
    yield from chosen_binaries()
    if owner.uid != 0:  # a directory of root's may have files of others in it
        yield from (each for each in near if each.is_absolute())
    yield from usual_binaries()


def _version(directory: Path, account: Account | None) -> int | None:
    """Return the version; None where the account has no such program, or it does not tell."""
    try:
        return major_version(directory, account)
    except (OSError, PgwardError):
        return None
