"""An index of the database sessions that run, of which few among many do."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_database_sessions_open",
        "database_sessions",
        ["started_at"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
