"""Options that say which server's files are looked at: a data directory's, or those named."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pgward.core.errors import InvalidInputError
from pgward.hba.datadir import DataDir
from pgward.hba.decide.connection import World
from pgward.hba.decide.loading import Loaded, load
from pgward.hba.disk import Disk
from pgward.hba.disk_files import DiskFiles
from pgward.hba.syntax.files import FileProblemError, Placed, access_lines
from pgward.hba.syntax.versions import NEWEST, OLDEST, Abilities
from pgward.system.postgres import Account

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
LoadFiles = Callable[[World], Loaded]
_PATH = click.Path(path_type=Path, readable=False)
_OPTIONS = (
    click.option("--data-dir", type=_PATH, metavar="D", help="PostgreSQL's data directory."),
    click.option("--config-file", type=_PATH, metavar="FILE", help="postgresql.conf, if not in D."),
    click.option("--hba-file", type=_PATH, metavar="FILE", help="A pg_hba.conf, instead of D."),
    click.option("--ident-file", type=_PATH, metavar="FILE", help="A pg_ident.conf beside it."),
    click.option(
        "--pg-version",
        type=click.IntRange(OLDEST, NEWEST),
        metavar="V",
        help=f"Major version that reads them, {OLDEST} to {NEWEST}.",
    ),
)
_NAMES = ("data_dir", "config_file", "hba_file", "ident_file", "pg_version")


def file_options(command: Decorated) -> Decorated:
    """Add the options, and give ``load_files(world)`` to the command instead of them."""

    @functools.wraps(command)
    def with_files(*args: Any, **kwargs: Any) -> Any:
        chosen = {name: kwargs.pop(name) for name in _NAMES}
        return command(*args, load_files=functools.partial(_load, chosen), **kwargs)

    decorated: Any = with_files
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click's options keep the type


def _load(chosen: dict[str, Any], world: World) -> Loaded:
    """Read the files; raise InvalidInputError for what PostgreSQL would not take."""
    hba, ident = chosen["hba_file"], chosen["ident_file"]
    if (chosen["data_dir"] is None) == (hba is None):
        raise InvalidInputError("name one of --data-dir and --hba-file")
    if hba is None:
        found = DataDir.open(chosen["data_dir"], chosen["config_file"])
        disk, able, hba = found.disk, found.able, found.hba_file
        ident = ident or found.ident_file
    elif chosen["pg_version"] is None:
        raise InvalidInputError(
            "each version reads pg_hba.conf in its own way", hint="add --pg-version V"
        )
    else:
        able = Abilities.of(chosen["pg_version"])
        disk = Disk(Account("", os.geteuid(), os.getegid()))
    files = DiskFiles(disk)
    maps = [] if ident is None else _lines(ident, files, able)
    return load(_lines(hba, files, able), maps, able, world)


def _lines(path: Path, files: DiskFiles, able: Abilities) -> list[Placed]:
    try:
        return access_lines(str(path), files, able)
    except FileProblemError as problem:
        raise InvalidInputError(str(problem)) from problem
