"""``pgward ca migrate-store``, ``pgward ca backup`` and ``pgward ca restore``."""

from pathlib import Path

import click

from pgward.ca import database_url
from pgward.client import options
from pgward.core.clock import SystemClock
from pgward.core.errors import InvalidInputError
from pgward.system import process, terminal

_PATH = click.Path(path_type=Path)


@click.command(name="migrate-store")
@click.argument("directory", metavar="DIR", type=_PATH)
@click.option(
    "--to",
    metavar="URL",
    help="`sqlite`, or a database such as postgresql://user@host/pgward. No password here: keep it"
    " in ~/.pgpass.",
)
@click.option(
    "--to-file",
    metavar="FILE",
    help="The same in the first line of FILE (- is standard input), with a password or not.",
)
@options.output
def migrate_store(directory: Path, to: str | None, to_file: str | None, output: str) -> None:
    """Move the store of the CA in DIR to another database.

    Copies every table in one transaction, compares rows and hashes, and only then changes [store]
    url in pgward.toml. The CA must not be served meanwhile. A run that was interrupted changes
    nothing: run it again. What is left at the old place cannot be served by mistake.
    """
    from pgward.ca import moving  # noqa: PLC0415 - SQLAlchemy is slow to import

    if to is None and to_file is None:
        raise InvalidInputError("give --to URL or --to-file FILE", hint="--to sqlite moves it back")
    wanted = to if to == moving.SQLITE else database_url.chosen(to, to_file)
    with process.unwound_by_sigterm():
        found = moving.move(directory, wanted or "", SystemClock())
    shown = [
        {"table": name, "rows": tally.rows, "hash": tally.hexdigest}
        for name, tally in sorted(found.items())
    ]
    terminal.table(shown, {"table": "table", "rows": "rows", "hash": "hash"}, output)
    terminal.note("the store has moved, and every table compared equal")
