"""The tables of what auditors keep."""

import sqlalchemy as sa

from pgward.ca.store.schema import Json, UtcTime, metadata

_USER = sa.String(63)

# A search of somebody's; ``query`` is that of the page's address.
saved_searches = sa.Table(
    "saved_searches",
    metadata,
    sa.Column(
        "user_name", _USER, sa.ForeignKey("users.name", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("page", sa.String(16), nullable=False),
    sa.Column("query", sa.String(2000), nullable=False),
    sa.Column("saved_at", UtcTime, nullable=False),
)

# One verification of the archive by the authority itself. While it runs, ``seen_at`` moves on;
# ``chains`` is how each chain was found.
archive_checks = sa.Table(
    "archive_checks",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("started_by", sa.String(128), nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("trouble", sa.String(1024)),
    sa.Column("chunks", sa.BigInteger, nullable=False),
    sa.Column("lines", sa.BigInteger, nullable=False),
    sa.Column("of_lines", sa.BigInteger, nullable=False),
    sa.Column("chains", Json, nullable=False),
)
