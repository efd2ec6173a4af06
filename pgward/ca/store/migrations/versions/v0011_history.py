"""Every version of every resource."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"

# What there is becomes the first that is remembered; why, nobody was asked then.
_REMEMBER = """
    INSERT INTO resource_history
        (kind, name, version, change, description, spec, changed_at, changed_by, reason)
    SELECT kind, name, version, CASE version WHEN 1 THEN 'created' ELSE 'updated' END,
        description, spec, updated_at, updated_by, ''
    FROM resources
"""


def upgrade() -> None:
    """Apply."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "resource_history",
        sa.Column("kind", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("change", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=1024), nullable=False),
        sa.Column("spec", json, nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.String(length=1024), nullable=False),
        sa.Column("restored", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "name", "version", name="pk_resource_history"),
    )
    op.create_index(
        "ix_resource_history_changed_at",
        "resource_history",
        ["changed_at", "kind", "name", "version"],
    )
    op.execute(_REMEMBER)
