"""Passwords of upstream accounts that change on a schedule, and former values of secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_TIME = sa.DateTime(timezone=True)
_NAME = sa.String(length=63)
_BY = sa.String(length=128)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "secret_versions",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("key_number", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", _BY, nullable=False),
        sa.Column("expires_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["key_number"], ["secret_keys.number"], name="fk_secret_versions_key_number_secret_keys"
        ),
        sa.PrimaryKeyConstraint("name", "version", name="pk_secret_versions"),
    )
    op.create_index("ix_secret_versions_expires_at", "secret_versions", ["expires_at"])
    op.create_table(
        "account_rotations",
        sa.Column("integration", _NAME, nullable=False),
        sa.Column("account", _NAME, nullable=False),
        sa.Column("secret", _NAME, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("changed_at", _TIME, nullable=True),
        sa.Column("asked_at", _TIME, nullable=True),
        sa.Column("asked_by", _BY, nullable=True),
        sa.Column("failed_at", _TIME, nullable=True),
        sa.Column("failure", sa.String(length=1024), nullable=True),
        sa.PrimaryKeyConstraint("integration", "account", name="pk_account_rotations"),
    )
