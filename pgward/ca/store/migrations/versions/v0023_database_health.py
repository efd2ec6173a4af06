"""What edges find of the databases behind them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

_NAME = sa.String(length=63)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "database_health",
        sa.Column("service", _NAME, nullable=False),
        sa.Column("edge", _NAME, nullable=False),
        sa.Column("problem", sa.String(length=500)),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("service", "edge", name="pk_database_health"),
    )
