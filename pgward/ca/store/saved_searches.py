"""Searches that auditors keep: each person's own, by name."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.schema_auditing import saved_searches
from pgward.ca.store.transaction import Transaction
from pgward.core.errors import ConflictError, NotFoundError

MOST: Final = 100
"""Searches of one person."""
_COLUMNS = saved_searches.c


@dataclass(frozen=True, slots=True)
class Search:
    """A search of a page, as the ``query`` of its address says it."""

    name: str
    page: str
    query: str
    saved_at: datetime


def every(connection: Connection, user: str) -> Sequence[Search]:
    """Return a person's searches by name."""
    columns = [_COLUMNS[name] for name in ("name", "page", "query", "saved_at")]
    statement = sa.select(*columns).where(_COLUMNS.user_name == user).order_by(_COLUMNS.name)
    return [Search(*row) for row in connection.execute(statement)]


def save(transaction: Transaction, user: str, search: Search) -> None:
    """Keep a search, in the place of one with its name; raise ConflictError for too many."""
    kept = [each.name for each in every(transaction.connection, user)]
    if search.name in kept:
        transaction.execute(sa.delete(saved_searches).where(*_is(user, search.name)))
    elif len(kept) >= MOST:
        raise ConflictError(f"you keep {MOST} searches already", hint="forget one of them")
    transaction.execute(sa.insert(saved_searches).values(**asdict(search), user_name=user))


def forget(transaction: Transaction, user: str, name: str) -> None:
    """Forget a search; raise NotFoundError."""
    if not transaction.execute(sa.delete(saved_searches).where(*_is(user, name))).rowcount:
        raise NotFoundError(f"you keep no search {name!r}")


def _is(user: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _COLUMNS.user_name == user, _COLUMNS.name == name
