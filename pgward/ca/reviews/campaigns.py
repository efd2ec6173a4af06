"""Reviews in the store: each with its rights as they were, and what became of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store import Transaction
from pgward.ca.store.schema_reviews import review_items, reviews
from pgward.core.errors import ConflictError, NotFoundError

OPEN: Final = "open"
CONFIRMED: Final = "confirmed"
ENDED: Final = "ended"
NOTED: Final = "noted"
GONE: Final = "gone"
CLOSED: Final = "closed"
MOST_ITEMS: Final = 10_000
_ITEMS = review_items.c


@dataclass(frozen=True, slots=True)
class Review:
    """A review; ``state`` is open or closed, ``filters`` say which rights it is about."""

    name: str
    filters: Mapping[str, Any]
    state: str
    started_at: datetime
    started_by: str
    due_at: datetime
    reminded_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A right in a review; see ``schema_reviews``. ``user_name`` None is all of ``group_name``."""

    review: str
    number: int
    path: str
    resource_kind: str
    resource_name: str
    user_name: str | None = None
    group_name: str | None = None
    members: int | None = None
    service: str | None = None
    integration: str | None = None
    hosts: Sequence[str] = ()
    role: str | None = None
    reference: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    last_used: datetime | None = None
    unused: bool | None = None
    blocked: bool = False
    flagged: str | None = None
    state: str = OPEN
    decided_at: datetime | None = None
    decided_by: str | None = None
    note: str = ""
    obstacle: str | None = None


_ALL = [_ITEMS[each.name] for each in fields(Item)]


def add(transaction: Transaction, review: Review, items: Sequence[Item]) -> None:
    """Store a new review; ConflictError when its name is taken."""
    if find(transaction.connection, review.name) is not None:
        raise ConflictError(
            f"there is a review {review.name!r} already", hint="give it another name"
        )
    transaction.execute(sa.insert(reviews).values(_row(review)))
    if items:
        transaction.execute(sa.insert(review_items), [_row(each) for each in items])


def find(connection: Connection, name: str) -> Review | None:
    """Return a review, or None."""
    row = connection.execute(sa.select(reviews).where(reviews.c.name == name)).one_or_none()
    return None if row is None else Review(**row._mapping)  # noqa: SLF001 - public in SQLAlchemy


def get(connection: Connection, name: str) -> Review:
    """Return a review; raise NotFoundError."""
    found = find(connection, name)
    if found is None:
        raise unknown(name)
    return found


def unknown(name: str) -> NotFoundError:
    """Return the error for a review that is not there, or not to be seen."""
    return NotFoundError(f"there is no review {name!r} for you", hint="pgward access review list")


def every(connection: Connection, *, state: str | None = None) -> list[Review]:
    """Return all reviews, those that began last first."""
    chosen = sa.select(reviews).order_by(reviews.c.started_at.desc(), reviews.c.name)
    if state is not None:
        chosen = chosen.where(reviews.c.state == state)
    return [Review(**row) for row in connection.execute(chosen).mappings()]


def items(
    connection: Connection,
    review: str,
    *,
    states: Collection[str] = (),
    after: int = 0,
    most: int | None = None,
) -> Iterator[Item]:
    """Yield rights of a review by number, in some states (with none: in all)."""
    chosen = sa.select(*_ALL).where(_ITEMS.review == review, _ITEMS.number > after)
    if states:
        chosen = chosen.where(_ITEMS.state.in_(states))
    for row in connection.execute(chosen.order_by(_ITEMS.number).limit(most)).mappings():
        yield Item(**row)


def item(connection: Connection, review: str, number: int) -> Item:
    """Return one right of a review; raise NotFoundError."""
    chosen = sa.select(*_ALL).where(_ITEMS.review == review, _ITEMS.number == number)
    row = connection.execute(chosen).mappings().one_or_none()
    if row is None:
        raise NotFoundError(
            f"the review {review!r} has no right {number}",
            hint=f"pgward access review show {review}",
        )
    return Item(**row)


def counts(connection: Connection, review: str) -> dict[str, int]:
    """Return how many rights are in each state."""
    chosen = sa.select(_ITEMS.state, sa.func.count()).where(_ITEMS.review == review)
    found = {row[0]: row[1] for row in connection.execute(chosen.group_by(_ITEMS.state))}
    return {each: found.get(each, 0) for each in (OPEN, CONFIRMED, ENDED, NOTED, GONE)}


def change(transaction: Transaction, review: Review, **values: Any) -> Review:
    """Change a review."""
    chosen = sa.update(reviews).where(reviews.c.name == review.name)
    transaction.execute(chosen.values(**values))
    return replace(review, **values)


def change_item(transaction: Transaction, found: Item, **values: Any) -> Item:
    """Change a right of a review."""
    chosen = sa.update(review_items).where(
        _ITEMS.review == found.review, _ITEMS.number == found.number
    )
    transaction.execute(chosen.values(**values))
    return replace(found, **values)


def _row(one: Review | Item) -> dict[str, Any]:
    row = {each.name: getattr(one, each.name) for each in fields(one)}
    return row | ({"hosts": list(one.hosts)} if isinstance(one, Item) else {})
