"""Finding the rows that one person may see: their own, and those of some flows, in an order.

A database that is given both at once sorts all of them, or looks through what is somebody else's:
with 100,000 rows that takes a second. So it is asked for the first of each, which an index has.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

MOST_PARTS: Final = 400
"""SQLite takes 500 of them in one statement."""


def seen(
    table: sa.Table,
    person: str,
    flows: Sequence[str],
    *,
    among: Sequence[sa.ColumnElement[bool]],
    order: Sequence[sa.Column[Any]],
    limit: int,
) -> sa.ColumnElement[bool]:
    """Return a condition that holds of what is the person's own, or of one of the flows.

    It may fail to hold of rows behind the first ``limit`` of those that are ``among`` them, in
    descending ``order``.
    """
    mine = table.c.user_name == person
    if not flows:
        return mine
    if len(flows) >= MOST_PARTS:
        return sa.or_(mine, table.c.flow.in_(flows))
    parts = [mine, *(table.c.flow == each for each in flows)]
    firsts = _firsts(table, parts, among, order, limit)
    return table.c.id.in_(sa.union_all(*firsts))


def _firsts(
    table: sa.Table,
    parts: Sequence[sa.ColumnElement[bool]],
    among: Sequence[sa.ColumnElement[bool]],
    order: Sequence[sa.Column[Any]],
    limit: int,
) -> Iterator[sa.Select[tuple[str]]]:
    for part in parts:
        first = sa.select(table.c.id).where(*among, part)
        # SQLite has no LIMIT in a part of a UNION, but in what that selects from.
        several = first.order_by(*(each.desc() for each in order)).limit(limit).subquery()
        yield sa.select(several.c.id)
