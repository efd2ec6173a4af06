"""Bytes of database sessions, and how much came of each lately."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

_COUNTS = (
    *("byte_count", "span", "span_statements", "span_rows", "span_bytes"),
    *("before_statements", "before_rows", "before_bytes"),
)


def upgrade() -> None:
    """Apply."""
    for name in _COUNTS:
        column = sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))
        op.add_column("database_sessions", column)
