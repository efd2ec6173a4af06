"""What connectors found where somebody had them try a server."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"

_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "integration_checks",
        sa.Column("integration", sa.String(length=63), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("asked_by", sa.String(length=128), nullable=False),
        sa.Column("answered_at", _TIME),
        sa.Column("findings", _JSON),
        sa.PrimaryKeyConstraint("integration", name="pk_integration_checks"),
    )
    op.create_index("ix_integration_checks_asked_at", "integration_checks", ["asked_at"])
