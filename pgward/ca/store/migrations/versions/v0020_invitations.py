"""Invitations: links by which people choose a password."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_TIME = sa.DateTime(timezone=True)
_NAME = sa.String(length=63)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_name", _NAME, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_name"],
            ["users.name"],
            name="fk_invitations_user_name",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("user_name", name="uq_invitations_user_name"),
    )
    op.create_index("ix_invitations_expires_at", "invitations", ["expires_at"])
