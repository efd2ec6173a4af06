"""Opening a store to read it only: for an auditor, who may have no right to write."""

from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import URL

from pgward.ca.store import revisions
from pgward.ca.store.database import Store, explained
from pgward.ca.store.engine import make_engine, parse_url
from pgward.core.errors import ConflictError, NotFoundError


def open_read_only(url: str) -> Store:
    """Open a store without changing anything, not even its schema.

    Raises NotFoundError, ConflictError (it is of another version), UnavailableError.
    """
    parsed = parse_url(url)
    if parsed.drivername == "sqlite":
        parsed = _read_only(Path(parsed.database or ""))
    store = Store(make_engine(parsed))
    try:
        with explained(), store.engine.connect() as connection:
            found = revisions.revision(connection)
    except BaseException:  # whatever ends this, no connection stays open
        store.close()
        raise
    if found != revisions.head():
        store.close()
        raise ConflictError(
            f"the store's schema is {found or 'none'}, and this pgward reads {revisions.head()}",
            hint="`pgward ca serve` of this version brings an older store up to date",
        )
    return store


def _read_only(path: Path) -> URL:
    if not path.is_file():
        raise NotFoundError(f"no store at {path}", hint="name the directory of the CA")
    # Without a WAL nobody writes, and SQLite need not make its shared memory beside the file.
    wal = path.with_name(f"{path.name}-wal")
    query = {"mode": "ro", "uri": "true"}
    if not wal.exists():
        query["immutable"] = "1"
    return URL.create("sqlite", database=f"file:{quote(str(path.resolve()))}", query=query)
