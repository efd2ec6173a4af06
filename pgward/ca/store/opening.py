"""Creating a store, and opening one that is there."""

import os
from contextlib import nullcontext
from pathlib import Path

from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError

from pgward.ca.store import marks, revisions, seats
from pgward.ca.store.database import Store, explained
from pgward.ca.store.engine import begin_writing, make_engine, parse_url, use_wal
from pgward.ca.store.postgresql import be_patient
from pgward.core.errors import ConflictError, NotFoundError, UnavailableError


def create(url: str, *, mark: str | None = None) -> Store:
    """Make the tables in a new database; ConflictError when it holds a store already.

    An SQLite file is created here (0600); a PostgreSQL database must exist. With a ``mark``, the
    store is one that arrives and is not to be served yet.
    """
    parsed = parse_url(url)
    path = Path(parsed.database or "")
    if parsed.drivername == "sqlite" and not (mark is not None and path.exists()):
        _create_file(path)  # one that is there may be what a killed move left behind
    return _open(parsed, new=True, marked=True, mark=mark)


def open_store(
    url: str, *, marked: bool = False, upgrade: bool = True, alone: bool = False
) -> Store:
    """Open a store and bring its tables up to date; NotFoundError when there is none.

    MarkedError when it must not be served, unless ``marked`` says that it is wanted all the same.
    ConflictError when its tables are those of another version and it is being served, unless the
    caller is ``alone`` with it already (`seats`), or at all without ``upgrade``.
    """
    parsed = parse_url(url)
    if parsed.drivername == "sqlite" and not Path(parsed.database or "").is_file():
        raise NotFoundError(f"no store at {parsed.database}", hint="pgward ca init DIR makes one")
    refused = unwritable(parsed)
    if refused is not None:
        raise UnavailableError(
            f"{refused} cannot be written",
            hint="look at its owner and mode, and how its disk is mounted; nothing was changed",
        )
    try:
        return _open(parsed, new=False, marked=marked, upgrade=upgrade, alone=alone)
    except UnavailableError as error:
        if parsed.drivername != "sqlite":
            raise UnavailableError(error.message, hint=_database_says(error)) from error
        hint = f"look at {parsed.database}: its owner, the free space, and how it is mounted"
        raise UnavailableError(error.message, hint=hint) from error


def unwritable(url: URL) -> Path | None:
    """Return what of an SQLite store this process may not write, if anything.

    SQLite itself would make its files beside one that is read-only, as read-only as that.
    """
    if url.drivername != "sqlite":
        return None
    path = Path(url.database or "")
    beside = (path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-shm"))
    for each in (path.parent, path, *beside):
        if each.exists() and not os.access(each, os.W_OK):
            return each
    return None


def _database_says(error: UnavailableError) -> str | None:
    """Return the driver's own words, for whoever started this; no secret is in them."""
    cause = error.__cause__
    if not isinstance(cause, DBAPIError) or cause.orig is None:
        return error.hint
    says = f"the database says: {' '.join(str(cause.orig).split())[:500]}"
    if getattr(cause.orig, "sqlstate", None) == _READ_ONLY:
        return f"{_ALL_HOSTS}; {says}"
    return says


_READ_ONLY = "25006"
_ALL_HOSTS = "it is a standby, perhaps: name all hosts in the URL, and the one that writes is found"


def _create_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise ConflictError(f"{path} exists already", hint="choose another directory") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "look at the owner and the mode of its directory, and how its disk is mounted"
        raise UnavailableError(f"{path} cannot be created: {reason}", hint=hint) from error


def _open(
    url: URL,
    *,
    new: bool,
    marked: bool,
    mark: str | None = None,
    upgrade: bool = True,
    alone: bool = False,
) -> Store:
    store = Store(make_engine(url))
    try:
        with explained(), store.engine.connect() as connection:
            if new and connection.dialect.name == "sqlite":
                use_wal(connection)
            if not upgrade:
                _refuse_other_version(connection)
            _migrate(connection, new=new, mark=mark, alone=alone or new)
            if not marked:
                marks.refuse(connection)
    except BaseException:  # whatever ends this, no connection stays open
        store.close()
        raise
    return store


def _refuse_other_version(connection: Connection) -> None:
    found = revisions.revision(connection)
    if found not in (None, revisions.head()):
        raise ConflictError(
            f"the store's tables are those of another pgward (revision {found})",
            hint="`pgward ca serve` of this version brings an older store up to date",
        )


def _migrate(connection: Connection, *, new: bool, mark: str | None, alone: bool) -> None:
    if not new and revisions.revision(connection) == revisions.head():
        return
    connection.rollback()
    writing = begin_writing(connection)
    be_patient(writing)
    found = revisions.revision(writing)
    if new and found is not None:
        raise ConflictError("the database holds a store already", hint="choose another database")
    if not new and found is None:
        raise NotFoundError("the database holds no store", hint="pgward ca init DIR makes one")
    if found == revisions.head():  # another replica was faster
        writing.rollback()
        return
    from pgward.ca.store import migrate  # noqa: PLC0415 - Alembic takes long to import

    with nullcontext() if alone else seats.unserved(writing):
        migrate.upgrade(writing)
        if mark is not None:
            marks.put(writing, marks.ARRIVING, mark)
        writing.commit()
