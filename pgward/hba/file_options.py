"""Options that say which server's files are looked at: on disk, or of one that runs."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pgward.core.errors import InvalidInputError
from pgward.hba.live.conninfo import target
from pgward.hba.live.psql import Psql
from pgward.hba.live.reading import read_server
from pgward.hba.server.files import ServerFiles, of_directory, of_names
from pgward.hba.syntax.versions import NEWEST, OLDEST, Abilities

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
ReadFiles = Callable[[], ServerFiles]
_PATH = click.Path(path_type=Path, readable=False)
_OPTIONS = (
    click.option("--data-dir", type=_PATH, metavar="D", help="PostgreSQL's data directory."),
    click.option(
        "--dsn", metavar="CONNINFO", help="A running server, asked by SQL; as psql -d takes it."
    ),
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
# Only of a command that looks at settings; below ``file_options``.
conf_file_option = click.option(
    "--conf-file", type=_PATH, metavar="FILE", help="A postgresql.conf beside it."
)
_BESIDE_FILES = ("config_file", "ident_file", "conf_file", "pg_version")
_NAMES = ("data_dir", "hba_file", "dsn", *_BESIDE_FILES)


def file_options(command: Decorated) -> Decorated:
    """Add the options, and give ``read_files()`` to the command instead of them."""

    @functools.wraps(command)
    def with_files(*args: Any, **kwargs: Any) -> Any:
        chosen = {name: kwargs.pop(name, None) for name in _NAMES}
        return command(*args, read_files=functools.partial(_read, chosen), **kwargs)

    decorated: Any = with_files
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click's options keep the type


def _read(chosen: dict[str, Any]) -> ServerFiles:
    """Read the files, right or wrong; raise InvalidInputError when one is not there."""
    hba, ident, conf = chosen["hba_file"], chosen["ident_file"], chosen["conf_file"]
    if sum(chosen[name] is not None for name in ("data_dir", "hba_file", "dsn")) != 1:
        raise InvalidInputError("name one of --data-dir, --hba-file and --dsn")
    if chosen["dsn"] is not None:
        return _ask(chosen)
    if hba is None:
        if conf is not None:
            raise InvalidInputError(
                "--conf-file goes with --hba-file", hint="beside --data-dir it is --config-file"
            )
        return of_directory(chosen["data_dir"], chosen["config_file"], ident)
    if chosen["pg_version"] is None:
        raise InvalidInputError(
            "each version reads pg_hba.conf in its own way", hint="add --pg-version V"
        )
    return of_names(hba, Abilities.of(chosen["pg_version"]), ident, conf)


def _ask(chosen: dict[str, Any]) -> ServerFiles:
    for name in _BESIDE_FILES:
        if chosen[name] is not None:
            raise InvalidInputError(
                f"--{name.replace('_', '-')} does not go with --dsn",
                hint="a running server knows its version and where its files are",
            )
    return read_server(Psql(target(chosen["dsn"])))
