"""Where the store's database is, from the command line: a password never stands there itself."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pgward.core.errors import InvalidInputError
from pgward.system import secret_file

_MAX_BYTES = 8192
_HELP = (
    "The store's database, say postgresql://user@db1,db2/pgward or postgresql://?service=NAME."
    " No password here: keep it in ~/.pgpass."
)
_FILE_HELP = "The same in the first line of FILE (- is standard input), with a password or not."


def option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--database-url`` and ``--database-url-file``; ``chosen`` makes one of them."""
    by_file = click.option("--database-url-file", metavar="FILE", help=_FILE_HELP)
    return click.option("--database-url", metavar="URL", help=_HELP)(by_file(function))


def chosen(url: str | None, file: str | None) -> str | None:
    """Return the URL that was given, None for none; raise InvalidInputError, NotFoundError."""
    if url is not None and file is not None:
        raise InvalidInputError("--database-url and --database-url-file exclude each other")
    if file is not None:
        return _first_line(file)
    if url is not None:
        from pgward.ca.store import engine, postgresql  # noqa: PLC0415 - SQLAlchemy is slow

        postgresql.refuse_password(engine.parse_url(url))
    return url


def _first_line(file: str) -> str:
    data = sys.stdin.buffer.readline(_MAX_BYTES) if file == "-" else _read(Path(file))
    try:
        line = data.decode("utf-8").partition("\n")[0].strip()
    except UnicodeDecodeError as error:
        raise InvalidInputError("the database URL is not text", where=file) from error
    if not line:
        raise InvalidInputError("the first line is empty", where=file)
    return line


def _read(path: Path) -> bytes:
    with secret_file.opened(path, "database URL") as lines:
        return lines.readline(_MAX_BYTES)
