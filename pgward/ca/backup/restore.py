"""``pgward ca restore``: a CA's directory from a backup, whole or not at all.

Everything is made in a hidden directory beside it, in an SQLite store, and compared with what
the backup says, before it gets its name. From there the store can move to PostgreSQL.
"""

from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import Connection

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.backup import moving
from pgward.ca.backup.archive import BackupError, Header, Sink, read
from pgward.ca.backup.create import Summary, opened
from pgward.ca.ceremony.building import move_into_place, refuse_existing, sibling, storage
from pgward.ca.settings import STORE_FILE, Settings
from pgward.ca.store import migrate, open_store, revisions, rows, tables
from pgward.ca.store.database import explained
from pgward.ca.store.engine import make_engine, parse_url, use_wal
from pgward.core.clock import Clock
from pgward.system import files


def restore(file: BinaryIO, directory: Path, passphrase: bytes, clock: Clock) -> Summary:
    """Make ``directory``, which must not exist, with its store in SQLite.

    Raises ConflictError, AgeError, BackupError, StorageError, UnavailableError; nothing is
    there then.
    """
    target = directory.absolute()
    refuse_existing(target)
    with storage(target), sibling(target) as (building, lock):
        url = f"sqlite:///{building / STORE_FILE}"
        summary = _fill(file, building, url, passphrase)
        _finish(building, url, summary.header, clock)
        move_into_place(building, target, lock)
    return summary


def _fill(file: BinaryIO, building: Path, url: str, passphrase: bytes) -> Summary:
    """Write all files and rows, in one transaction; it ends when everything compared equal."""
    files.write_new(building / STORE_FILE, b"")
    engine = make_engine(parse_url(url))
    try:
        with explained(), engine.connect() as connection:
            use_wal(connection)
            connection.begin()
            filling = _Filling(building, connection)
            manifest = read(
                opened(file, passphrase), Sink(filling.header, filling.file, filling.rows)
            )
            for name, tally in manifest.tables.items():
                if rows.tally(connection, filling.table(name)) != tally:
                    raise BackupError(f"the rows of {name} cannot be stored as they are")
            connection.commit()
    finally:
        engine.dispose()
    return Summary(filling.found, manifest)


class _Filling:
    """Puts the members of a backup into a directory and a store of the backup's schema."""

    def __init__(self, building: Path, connection: Connection) -> None:
        self._building = building
        self._connection = connection
        self._tables = sa.MetaData()
        self.found: Header

    def header(self, header: Header) -> None:
        """Make the tables as they were then, empty."""
        self.found = header
        if header.schema not in revisions.known():
            raise BackupError("it was made by a newer pgward", hint="upgrade pgward first")
        command.upgrade(migrate.config(self._connection), header.schema)
        self._tables = tables.as_found(self._connection)
        for table in reversed(self._tables.sorted_tables):
            if table.name != "alembic_version":
                self._connection.execute(sa.delete(table))

    def file(self, name: str, data: bytes) -> None:
        """Write a file of the directory."""
        path = self._building / name
        private = path.parent.name != "certs"
        path.parent.mkdir(mode=0o700 if private else 0o755, parents=True, exist_ok=True)
        files.write_new(path, data, 0o600 if private else 0o644)

    def rows(self, name: str, lines: list[bytes]) -> None:
        """Store rows."""
        if lines:
            found = [rows.parse(line) for line in lines]
            self._connection.execute(sa.insert(self.table(name)), found)

    def table(self, name: str) -> sa.Table:
        """Return a table by its name; BackupError when the schema has none such."""
        table = self._tables.tables.get(name)
        if table is None or name == "alembic_version":
            raise BackupError(f"it has a table {name}, which its schema has not")
        return table


def _finish(building: Path, url: str, header: Header, clock: Clock) -> None:
    """Bring the store up to date, and have it used; say in the audit log what happened."""
    Settings.load(building)
    moving.switch(building, "")
    store = open_store(url)
    try:
        with store.write() as transaction:
            transaction.changed()
            transaction.record(
                AuditEvent.make(
                    time=clock.now(),
                    actor=caller.SYSTEM,
                    action="ca.restore",
                    target=header.ca,
                    details={"made_at": header.made_at, "pgward": header.pgward},
                )
            )
    finally:
        store.close()
