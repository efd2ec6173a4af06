"""The tables of what connectors found on servers."""

import sqlalchemy as sa

from pgward.ca.store.schema import Json, UtcTime, metadata

# An integration, a database; letters of a name that has no encoding take four each.
_INTEGRATION = sa.String(63)
_NAME = sa.String(252)
_WORDS = sa.String(1024)

# One row an integration: how the last look at its server went, and who wants another one.
catalog_scans = sa.Table(
    "catalog_scans",
    metadata,
    sa.Column("integration", _INTEGRATION, primary_key=True),
    sa.Column("taken_at", UtcTime),
    sa.Column("received_at", UtcTime),
    sa.Column("seconds", sa.Float),
    sa.Column("server_version", sa.Integer),
    sa.Column("databases", Json, nullable=False),
    sa.Column("counts", Json, nullable=False),
    # Why the last look failed as a whole, and when; what is known is from the one before.
    sa.Column("failed_at", UtcTime),
    sa.Column("failure", sa.String(1024)),
    sa.Column("asked_at", UtcTime),
    sa.Column("asked_by", sa.String(128)),
)

# Things of one database (of the server itself: ""), which arrive and go together. What is not
# live yet has arrived ahead of the list that it belongs to.
catalog_pieces = sa.Table(
    "catalog_pieces",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("integration", _INTEGRATION, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("database_name", _NAME, nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.UniqueConstraint("integration", "digest"),
)


def _row() -> list[sa.Column[object]]:
    """Return the columns that say which piece a row is of, by its place in it, and where it is."""
    return [
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("piece", sa.BigInteger, nullable=False),
        sa.Column("integration", _INTEGRATION, nullable=False),
    ]


def _place() -> list[sa.Column[object]]:
    """Return the columns that name an object; a database and a schema are so with no name."""
    return [
        sa.Column("database_name", _NAME, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("schema_name", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("detail", sa.String(63), nullable=False),
        sa.Column("owner", _NAME, nullable=False),
    ]


catalog_objects = sa.Table(
    "catalog_objects",
    metadata,
    *_row(),
    *_place(),
    sa.Column("comment", _WORDS, nullable=False),
    sa.Column("row_estimate", sa.BigInteger),
    sa.Column("size_estimate", sa.BigInteger),
    # Schema, name and comment in small letters.
    sa.Column("words", sa.Text, nullable=False),
    sa.Index(
        "ix_catalog_objects_place", "integration", "database_name", "schema_name", "name", "id"
    ),
)

catalog_grants = sa.Table(
    "catalog_grants",
    metadata,
    *_row(),
    *_place(),
    sa.Column("column_name", _NAME, nullable=False),
    sa.Column("grantee", _NAME, nullable=False),  # "": everybody
    sa.Column("privileges", _WORDS, nullable=False),
    sa.Column("grantable", _WORDS, nullable=False),
    sa.Index("ix_catalog_grants_grantee", "integration", "grantee", "id"),
    sa.Index(
        "ix_catalog_grants_place", "integration", "database_name", "schema_name", "name", "id"
    ),
)

catalog_roles = sa.Table(
    "catalog_roles",
    metadata,
    *_row(),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("comment", _WORDS, nullable=False),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("member_of", Json, nullable=False),
    sa.Index("ix_catalog_roles_name", "integration", "name", "id"),
)
