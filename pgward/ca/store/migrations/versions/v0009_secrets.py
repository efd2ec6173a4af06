"""Secrets of upstreams, one-time passwords and tokens."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_TIME = sa.DateTime(timezone=True)
_NAME = sa.String(length=63)
_BY = sa.String(length=128)


def upgrade() -> None:
    """Apply."""
    _secrets()
    _one_time_passwords()
    _tokens()


def _secrets() -> None:
    op.create_table(
        "secret_keys",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", _BY, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_secret_keys"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("key_number", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", _BY, nullable=False),
        sa.Column("rotated_at", _TIME, nullable=True),
        sa.Column("rotated_by", _BY, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
        sa.ForeignKeyConstraint(
            ["key_number"], ["secret_keys.number"], name="fk_secrets_key_number"
        ),
    )


def _one_time_passwords() -> None:
    op.create_table(
        "one_time_passwords",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        *_whose(),
        sa.Column("used_at", _TIME, nullable=True),
        sa.Column("used_by", _BY, nullable=True),
        sa.PrimaryKeyConstraint("sha256", name="pk_one_time_passwords"),
        _owner("one_time_passwords"),
    )
    _indexes("one_time_passwords")


def _tokens() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.String(length=32), nullable=False),
        *_whose(),
        sa.Column("verifier", sa.String(length=256), nullable=False),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.Column("revoked_by", _BY, nullable=True),
        sa.Column("last_used_at", _TIME, nullable=True),
        sa.Column("last_client", sa.String(length=1024), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_access_tokens"),
        _owner("access_tokens"),
    )
    _indexes("access_tokens")


def _whose() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("user_name", _NAME, nullable=False),
        sa.Column("service", _NAME, nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
    )


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_name"], ["users.name"], name=f"fk_{table}_user_name", ondelete="CASCADE"
    )


def _indexes(table: str) -> None:
    op.create_index(f"ix_{table}_user_name", table, ["user_name"])
    op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])
