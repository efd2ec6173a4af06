"""What requests would have run on their servers, as connectors answered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"

_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "access_plans",
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("integration", sa.String(length=63), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("answered_at", _TIME),
        sa.Column("answer", _JSON),
        sa.PrimaryKeyConstraint("request_id", name="pk_access_plans"),
    )
    for name, columns in (("asked_at", ["asked_at"]), ("integration", ["integration", "asked_at"])):
        op.create_index(f"ix_access_plans_{name}", "access_plans", columns)
