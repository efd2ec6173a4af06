"""``pgward ca backup``, ``pgward ca restore`` and ``pgward ca migrate-store``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from pgward.ca.backup.archive import BackupError
from pgward.ca.keys import passphrase as passphrases
from pgward.ca.settings import Settings
from pgward.ca.store import database_url as urls
from pgward.client import options
from pgward.core.clock import SystemClock
from pgward.core.errors import InvalidInputError
from pgward.pki.age import AgeError
from pgward.system import files, process, terminal

if TYPE_CHECKING:
    from pgward.ca.backup.create import Summary

_PATH = click.Path(path_type=Path)
_AFTERWARDS = """
made {directory} as it was at {made_at}. What happened since is not in it:
  certificates issued since are unknown, and are good until they expire
  what was revoked or blocked since must be revoked or blocked again, now
next: put the keys' passphrase where pgward.toml says, then
  pgward ca serve {directory}"""


_passphrase = click.option(
    "--passphrase-file",
    metavar="SOURCE",
    help="The backup's passphrase: FILE, fd:N, credential:NAME (systemd), or - for standard input.",
)


@click.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@click.argument("file", metavar="FILE", type=_PATH)
@_passphrase
@options.output
def backup(directory: Path, file: Path, passphrase_file: str | None, output: str) -> None:
    """Write a backup of the CA in DIR to the new FILE, also while it serves.

    Holds the settings, the certificates, the encrypted keys and every row of the store, at one
    moment. It is encrypted with the passphrase of the CA's keys unless --passphrase-file gives
    another; that passphrase is not in it. It is an age file: `age -d FILE | tar tz` shows it.
    """
    from pgward.ca.backup import create as backups  # noqa: PLC0415 - SQLAlchemy is slow to import

    if passphrase_file is not None:
        secret = passphrases.read(passphrase_file)
    else:
        secret = passphrases.find(Settings.load(directory).keys.passphrase_file, directory)
    with process.unwound_by_sigterm():
        made = backups.write(directory, file, secret, SystemClock())
    _report(made, output)
    terminal.note(f"wrote {file}, and read it back; keep its passphrase elsewhere")


@click.command()
@click.argument("file", metavar="FILE", type=_PATH)
@click.argument("directory", metavar="[DIR]", type=_PATH, required=False)
@_passphrase
@click.option("--verify", is_flag=True, help="Only check the whole of FILE; DIR is not needed.")
@urls.option
@options.output
def restore(
    *,
    file: Path,
    directory: Path | None,
    passphrase_file: str | None,
    verify: bool,
    database_url: str | None,
    database_url_file: str | None,
    output: str,
) -> None:
    """Make the CA's directory DIR from a backup, whole or not at all.

    Its store is SQLite in DIR, wherever it was before; with --database-url it then moves into that
    empty database. End the old CA first: two that issue from the same keys know nothing of each
    other.
    """
    from pgward.ca.backup import create as backups  # noqa: PLC0415 - SQLAlchemy is slow to import
    from pgward.ca.backup import moving  # noqa: PLC0415
    from pgward.ca.backup import restore as restoring  # noqa: PLC0415

    database = urls.chosen(database_url, database_url_file)
    secret = _backups_passphrase(passphrase_file)
    with process.unwound_by_sigterm(), _opened(file) as opened:
        if verify:
            _report(backups.verify(opened, secret), output)
            terminal.note(f"{file} is whole: every file and every row is as it was written")
            return
        if directory is None:
            raise InvalidInputError("give the directory to make", hint="or --verify")
        if database is not None:
            moving.check_free(database)
        made = restoring.restore(opened, directory, secret, SystemClock())
        if database is not None:
            moving.move(directory, database, SystemClock())
    _report(made, output)
    terminal.note(_AFTERWARDS.format(directory=directory, made_at=made.header.made_at))


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
    from pgward.ca.backup import moving  # noqa: PLC0415 - SQLAlchemy is slow to import

    if to is None and to_file is None:
        raise InvalidInputError("give --to URL or --to-file FILE", hint="--to sqlite moves it back")
    wanted = to if to == moving.SQLITE else urls.chosen(to, to_file)
    with process.unwound_by_sigterm():
        found = moving.move(directory, wanted or "", SystemClock())
    shown = [
        {"table": name, "rows": tally.rows, "hash": tally.hexdigest}
        for name, tally in sorted(found.items())
    ]
    terminal.table(shown, {"table": "table", "rows": "rows", "hash": "hash"}, output)
    terminal.note("the store has moved, and every table compared equal")


def _backups_passphrase(source: str | None) -> bytes:
    if source is not None:
        return passphrases.read(source)
    if terminal.interactive():
        return terminal.ask_password("Passphrase of the backup").encode()
    raise InvalidInputError("the backup's passphrase is missing", hint="give --passphrase-file")


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """Yield the file; an error in what it holds is told with its name."""
    with files.storage_errors(file, "read"):
        opened = file.open("rb")
    with opened:
        try:
            yield opened
        except (AgeError, BackupError) as error:
            raise InvalidInputError(error.message, where=str(file), hint=error.hint) from error


def _report(made: "Summary", output: str) -> None:
    tables = made.manifest.tables
    shown = {
        "ca": made.header.ca,
        "made_at": made.header.made_at,
        "pgward": made.header.pgward,
        "schema": made.header.schema,
        "files": len(made.manifest.files),
        "rows": sum(tally.rows for tally in tables.values()),
    }
    terminal.record(shown, {key: key.replace("_", " ") for key in shown}, output)
