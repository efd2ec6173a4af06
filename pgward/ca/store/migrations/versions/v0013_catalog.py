"""What connectors found in databases."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)
_INTEGRATION = sa.String(length=63)
_NAME = sa.String(length=252)
_WORDS = sa.String(length=1024)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "catalog_scans",
        sa.Column("integration", _INTEGRATION, nullable=False),
        sa.Column("taken_at", _TIME, nullable=True),
        sa.Column("received_at", _TIME, nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("server_version", sa.Integer(), nullable=True),
        sa.Column("databases", _JSON, nullable=False),
        sa.Column("counts", _JSON, nullable=False),
        sa.Column("failed_at", _TIME, nullable=True),
        sa.Column("failure", _WORDS, nullable=True),
        sa.Column("asked_at", _TIME, nullable=True),
        sa.Column("asked_by", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("integration", name="pk_catalog_scans"),
    )
    op.create_table(
        "catalog_pieces",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("integration", _INTEGRATION, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("database_name", _NAME, nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_pieces"),
        sa.UniqueConstraint("integration", "digest", name="uq_catalog_pieces_integration_digest"),
    )
    _objects()
    _grants()
    _roles()


def _row() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("piece", sa.BigInteger(), nullable=False),
        sa.Column("integration", _INTEGRATION, nullable=False),
    ]


def _place() -> list[sa.Column[Any]]:
    return [
        sa.Column("database_name", _NAME, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("schema_name", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("detail", sa.String(length=63), nullable=False),
        sa.Column("owner", _NAME, nullable=False),
    ]


def _objects() -> None:
    op.create_table(
        "catalog_objects",
        *_row(),
        *_place(),
        sa.Column("comment", _WORDS, nullable=False),
        sa.Column("row_estimate", sa.BigInteger(), nullable=True),
        sa.Column("size_estimate", sa.BigInteger(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_objects"),
    )
    place = ["integration", "database_name", "schema_name", "name", "id"]
    op.create_index("ix_catalog_objects_place", "catalog_objects", place)


def _grants() -> None:
    op.create_table(
        "catalog_grants",
        *_row(),
        *_place(),
        sa.Column("column_name", _NAME, nullable=False),
        sa.Column("grantee", _NAME, nullable=False),
        sa.Column("privileges", _WORDS, nullable=False),
        sa.Column("grantable", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_grants"),
    )
    op.create_index("ix_catalog_grants_grantee", "catalog_grants", ["integration", "grantee", "id"])
    place = ["integration", "database_name", "schema_name", "name", "id"]
    op.create_index("ix_catalog_grants_place", "catalog_grants", place)


def _roles() -> None:
    op.create_table(
        "catalog_roles",
        *_row(),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("comment", _WORDS, nullable=False),
        sa.Column("attributes", _JSON, nullable=False),
        sa.Column("member_of", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_roles"),
    )
    op.create_index("ix_catalog_roles_name", "catalog_roles", ["integration", "name", "id"])
