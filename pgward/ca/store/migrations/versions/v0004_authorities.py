"""Generations of CAs, and their rotations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply; `ca serve` fills the first table from the files of its directory."""
    op.create_table(
        "authorities",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("cross_certificates", _JSON, nullable=False),
        sa.Column("key", sa.String(length=1024), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("retired_at", _TIME, nullable=True),
        sa.Column("crl_until", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_authorities"),
    )
    op.create_table(
        "rotations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=32), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("phase_since", _TIME, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("old", _JSON, nullable=False),
        sa.Column("new", _JSON, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("started_by", sa.String(length=128), nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("history", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rotations"),
    )
    op.create_table(
        "rotation_reports",
        sa.Column("rotation", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("message", sa.String(length=1024), nullable=False),
        sa.Column("reported_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("rotation", "kind", "name", "part", name="pk_rotation_reports"),
    )
    op.create_table(
        "ca_replicas",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("digest", sa.String(length=1024), nullable=False),
        sa.Column("missing_keys", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ca_replicas"),
    )
