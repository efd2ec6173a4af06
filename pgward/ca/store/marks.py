"""Marks that keep a store from being served: it is a copy not in use yet, or was moved away."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.schema_store import store_marks
from pgward.core.errors import ConflictError, PgwardError

ARRIVING = "arriving"
MOVED = "moved"


class NotThisStoreError(PgwardError):
    """Whatever else is right, this store must not be served."""


class MarkedError(ConflictError, NotThisStoreError):
    """The store is whole, but not the one to serve."""


def get(connection: Connection, name: str) -> str | None:
    """Return a mark's value; None when there is no such mark."""
    found = sa.select(store_marks.c.value).where(store_marks.c.name == name)
    value: str | None = connection.execute(found).scalar()
    return value


def put(connection: Connection, name: str, value: str) -> None:
    """Set a mark, in the caller's transaction."""
    drop(connection, name)
    connection.execute(sa.insert(store_marks).values(name=name, value=value))


def drop(connection: Connection, name: str) -> None:
    """Remove a mark, in the caller's transaction."""
    connection.execute(sa.delete(store_marks).where(store_marks.c.name == name))


def refuse(connection: Connection) -> None:
    """Raise MarkedError when this store must not be served."""
    moved = get(connection, MOVED)
    if moved is not None:
        raise MarkedError(
            f"the CA's store was moved from here to {moved}",
            hint="set url in [store] of pgward.toml to that, or move it back with"
            " `pgward ca migrate-store`",
        )
    if get(connection, ARRIVING) is not None:
        raise MarkedError(
            "the move of the CA's store to here was not finished",
            hint="run the same `pgward ca migrate-store` again: it goes on",
        )
