"""Finding certificates by what is random: fingerprints, hashes of keys.

In an index over such values each entry has its place anywhere, so that in a large store every new
certificate would write a page of its own. Here the entries of 1,024 certificates that follow each
other in the log stand together on a *shelf*: only the last shelf is written to, and whoever looks
for one value asks each shelf, which takes some microseconds. What is not in the log is on none.
"""

import sqlalchemy as sa

_BITS = 10
# Written out, not bound: a database uses such an index only for the very same expression.
_SHELF = f"(log_index >> {_BITS})"
_SHIFT = sa.literal_column(str(_BITS), sa.Integer)
_ON_A_SHELF = "log_index IS NOT NULL"


def index(name: str, column: str) -> sa.Index:
    """Return an index of ``certificates`` over a column, shelf by shelf."""
    condition = sa.text(_ON_A_SHELF)
    return sa.Index(
        name, sa.text(_SHELF), column, sqlite_where=condition, postgresql_where=condition
    )


def holds(table: sa.Table, column: str, value: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column of ``certificates`` has this value, for such an index."""
    return sa.and_(
        sa.literal_column(_SHELF, sa.BigInteger).in_(_all(table)),
        table.c.log_index.is_not(None),
        table.c[column] == value,
    )


def _all(table: sa.Table) -> sa.Select[tuple[int]]:
    """Select the numbers of the shelves, from the first that has a certificate to the last."""
    place = table.alias("place").c.log_index
    first = sa.select(sa.func.min(place).bitwise_rshift(_SHIFT).label("shelf"))
    last = sa.select(sa.func.max(place).bitwise_rshift(_SHIFT)).scalar_subquery()
    shelf = first.cte("shelves", recursive=True)
    shelf = shelf.union_all(sa.select(shelf.c.shelf + 1).where(shelf.c.shelf < last))
    return sa.select(shelf.c.shelf)
