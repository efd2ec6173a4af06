"""Messages about access requests that are to be sent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)
_ID = sa.String(length=32)
_UNTAKEN = sa.text("taken_at IS NULL")
_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    """Apply."""
    _notices()
    _deliveries()
    op.create_table(
        "used_notice_links",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("used_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_used_notice_links"),
    )
    op.create_index("ix_used_notice_links_expires_at", "used_notice_links", ["expires_at"])


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("recipients", _JSON, nullable=False),
        sa.Column("facts", _JSON, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("taken_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
    )
    op.create_index("ix_notices_request_id", "notices", ["request_id"])
    op.create_index("ix_notices_created_at", "notices", ["created_at"])
    op.create_index(
        "ix_notices_untaken",
        "notices",
        ["due_at"],
        sqlite_where=_UNTAKEN,
        postgresql_where=_UNTAKEN,
    )


def _deliveries() -> None:
    op.create_table(
        "notice_deliveries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("notice_id", _ID, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("recipient", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notice_deliveries"),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["notices.id"],
            name="fk_notice_deliveries_notice_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_notice_deliveries_notice_id", "notice_deliveries", ["notice_id"])
    op.create_index(
        "ix_notice_deliveries_waiting",
        "notice_deliveries",
        ["channel", "next_at"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
