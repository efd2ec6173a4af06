"""Recordings of database sessions, and sessions that somebody ended."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_TIME = sa.DateTime(timezone=True)
_EDGE = sa.String(length=63)
_SESSION = sa.String(length=256)
_HASH = sa.String(length=64)
_RECIPIENT = sa.String(length=80)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "recording_keys",
        sa.Column("recipient", _RECIPIENT, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("recipient", name="pk_recording_keys"),
    )
    _pieces()
    op.create_table(
        "session_endings",
        sa.Column("edge", _EDGE, nullable=False),
        sa.Column("session", _SESSION, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("asked_by", sa.String(length=128), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("edge", "session", name="pk_session_endings"),
    )
    op.create_index("ix_session_endings_asked_at", "session_endings", ["asked_at"])


def _pieces() -> None:
    op.create_table(
        "recording_pieces",
        sa.Column("edge", _EDGE, nullable=False),
        sa.Column("session", _SESSION, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("before", _HASH, nullable=False),
        sa.Column("sha256", _HASH, nullable=False),
        sa.Column("recipient", _RECIPIENT, nullable=False),
        sa.Column("object_key", sa.String(length=300), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("plain_bytes", sa.BigInteger(), nullable=False),
        sa.Column("first_time", _TIME, nullable=False),
        sa.Column("last_time", _TIME, nullable=False),
        sa.Column("is_last", sa.Boolean(), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("edge", "session", "number", name="pk_recording_pieces"),
    )
    op.create_index("ix_recording_pieces_received_at", "recording_pieces", ["received_at"])
    op.create_index("ix_recording_pieces_object_key", "recording_pieces", ["object_key"])
