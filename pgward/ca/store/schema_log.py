"""The tables of the transparency log.

``log_tree`` is one row: how many leaves there are, and the few hashes that appending needs.
``log_leaves`` has a row a leaf; ``log_nodes`` has every fourth level above them, which is enough
for a proof to read O(log n) rows. ``log_heads`` is what was signed.
"""

import sqlalchemy as sa

from pgward.ca.store.schema import UtcTime, metadata

# SQLite makes a column the table's own order only if it is called INTEGER.
_ORDER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_HASH = sa.LargeBinary(32)

log_tree = sa.Table(
    "log_tree",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),  # always 1
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("subtrees", sa.LargeBinary, nullable=False),
)

# A certificate's entry is made again from its row; ``body`` is the entry of any other type.
log_leaves = sa.Table(
    "log_leaves",
    metadata,
    sa.Column("log_index", _ORDER, primary_key=True, autoincrement=False),
    sa.Column("type", sa.SmallInteger, nullable=False),
    sa.Column("serial", sa.String(40), nullable=False),
    sa.Column("hash", _HASH, nullable=False),
    sa.Column("body", sa.LargeBinary),
)

log_nodes = sa.Table(
    "log_nodes",
    metadata,
    sa.Column("level", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", _HASH, nullable=False),
    sqlite_with_rowid=False,
)

log_heads = sa.Table(
    "log_heads",
    metadata,
    sa.Column("number", _ORDER, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False, index=True),
    sa.Column("root", _HASH, nullable=False),
    sa.Column("signed_at", UtcTime, nullable=False),
    sa.Column("log_id", sa.String(64), nullable=False),
    sa.Column("jws", sa.Text, nullable=False),
)
