"""Options that say which server's files are looked at: on disk, or of one that runs."""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from pgward.core.errors import InvalidInputError
from pgward.hba.live.conninfo import target
from pgward.hba.live.psql import Psql
from pgward.hba.live.reading import read_server
from pgward.hba.machine_options import MACHINE_NAMES, MACHINE_OPTIONS, machine
from pgward.hba.server.files import ServerFiles, of_directory, of_names
from pgward.hba.syntax.dialects import Cockroach, Flags, Yugabyte
from pgward.hba.syntax.versions import NEWEST, OLDEST, Abilities, Dialect

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
_DIALECT_OPTIONS = (
    click.option(
        "--dialect",
        type=click.Choice([each.value for each in Dialect]),
        default=Dialect.POSTGRESQL.value,
        show_default=True,
        help="Whose server reads --hba-file and --ident-file.",
    ),
    click.option(
        "--accept-sql-without-tls", is_flag=True, help="CockroachDB's nodes are started with that."
    ),
    click.option(
        "--csv", is_flag=True, help="The files hold YugabyteDB's flags ysql_hba_conf_csv and so on."
    ),
    click.option(
        "--ysql-enable-auth", is_flag=True, help="With --csv: yb-tserver is started with that."
    ),
    click.option(
        "--use-client-to-server-encryption", is_flag=True, help="With --csv: likewise, that is TLS."
    ),
)
_OF_DIALECTS = {
    "accept_sql_without_tls": Dialect.COCKROACHDB,
    "csv": Dialect.YUGABYTEDB,
    "ysql_enable_auth": Dialect.YUGABYTEDB,
    "use_client_to_server_encryption": Dialect.YUGABYTEDB,
}
_THERE = ("data_dir", "config_file", "ident_file")
_BESIDE_FILES = ("config_file", "ident_file", "conf_file", "pg_version")
_NAMES = ("data_dir", "hba_file", "dsn", *_BESIDE_FILES, "dialect", *_OF_DIALECTS, *MACHINE_NAMES)


def file_options(command: Decorated) -> Decorated:
    """Add the options, and give ``read_files()`` to the command instead of them."""

    @functools.wraps(command)
    def with_files(*args: Any, **kwargs: Any) -> Any:
        chosen = {name: kwargs.pop(name, None) for name in _NAMES}
        return command(*args, read_files=functools.partial(_read, chosen), **kwargs)

    decorated: Any = with_files
    for option in reversed((*_OPTIONS, *MACHINE_OPTIONS)):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click's options keep the type


def dialect_options(command: Decorated) -> Decorated:
    """Add the options of a command that also reads files of CockroachDB and YugabyteDB.

    They stand below ``file_options``.
    """
    decorated: Any = command
    for option in reversed(_DIALECT_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click's options keep the type


def _read(chosen: dict[str, Any]) -> ServerFiles:
    """Read the files, right or wrong; raise InvalidInputError when one is not there."""
    dialect = Dialect(chosen["dialect"] or Dialect.POSTGRESQL)
    _check_dialect(chosen, dialect)
    hba, ident, conf = chosen["hba_file"], chosen["ident_file"], chosen["conf_file"]
    if sum(chosen[name] is not None for name in ("data_dir", "hba_file", "dsn")) != 1:
        raise InvalidInputError("name one of --data-dir, --hba-file and --dsn")
    if chosen["ssh"] is not None and chosen["data_dir"] is None:
        raise InvalidInputError(
            "--ssh goes with --data-dir", hint="a server that --dsn asks needs no SSH"
        )
    access = machine(chosen, *_THERE)
    if chosen["dsn"] is not None:
        return _ask(chosen)
    if hba is None:
        if conf is not None:
            raise InvalidInputError(
                "--conf-file goes with --hba-file", hint="beside --data-dir it is --config-file"
            )
        return of_directory(chosen["data_dir"], chosen["config_file"], ident, access=access)
    return of_names(hba, _abilities(chosen, dialect), ident, conf)


def _abilities(chosen: dict[str, Any], dialect: Dialect) -> Abilities:
    if dialect is Dialect.COCKROACHDB:
        return Cockroach(takes_plain=chosen["accept_sql_without_tls"])
    version = chosen["pg_version"]
    if version is None:
        raise InvalidInputError(
            "each version reads pg_hba.conf in its own way", hint="add --pg-version V"
        )
    if dialect is Dialect.POSTGRESQL:
        return Abilities.of(version)
    auth, encryption = chosen["ysql_enable_auth"], chosen["use_client_to_server_encryption"]
    made = Yugabyte.of(version)
    return replace(made, flags=Flags(auth, encryption)) if chosen["csv"] else made


def _check_dialect(chosen: dict[str, Any], dialect: Dialect) -> None:
    """Raise InvalidInputError for options that do not go with a dialect."""
    for name, of in _OF_DIALECTS.items():
        if chosen[name] and of is not dialect:
            raise InvalidInputError(f"{_written(name)} goes with --dialect {of}")
    if not chosen["csv"] and (
        chosen["ysql_enable_auth"] or chosen["use_client_to_server_encryption"]
    ):
        raise InvalidInputError(
            "without --csv the file says all that yb-tserver was started with", hint="add --csv"
        )
    if dialect is Dialect.POSTGRESQL:
        return
    for name in ("data_dir", "dsn", "config_file"):
        if chosen[name] is not None:
            raise InvalidInputError(
                f"{_written(name)} is for PostgreSQL, not for --dialect {dialect}",
                hint="--hba-file FILE; docs/reference/hba-dialects.md says how to make one",
            )
    if dialect is Dialect.COCKROACHDB:
        for name in ("conf_file", "pg_version"):
            if chosen[name] is not None:
                raise InvalidInputError(f"CockroachDB has nothing for {_written(name)}")


def _written(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _ask(chosen: dict[str, Any]) -> ServerFiles:
    for name in _BESIDE_FILES:
        if chosen[name] is not None:
            raise InvalidInputError(
                f"{_written(name)} does not go with --dsn",
                hint="a running server knows its version and where its files are",
            )
    return read_server(Psql(target(chosen["dsn"])))
