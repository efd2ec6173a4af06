"""Passwords of access roles, at servers that take no certificates."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_TIME = sa.DateTime(timezone=True)
_NAME = sa.String(length=63)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "access_passwords",
        sa.Column("integration", _NAME, nullable=False),
        sa.Column("role", _NAME, nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("former", sa.Integer(), nullable=True),
        sa.Column("former_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("there", sa.Integer(), nullable=True),
        sa.Column("refused_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("integration", "role", name="pk_access_passwords"),
    )
