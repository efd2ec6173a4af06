"""What auditors keep: searches and checks of the archive; and events in the order of time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021"
down_revision = "0020"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)
_NAME = sa.String(length=63)
_REFUSED = sa.text("outcome <> 'ok'")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "saved_searches",
        sa.Column("user_name", _NAME, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("page", sa.String(length=16), nullable=False),
        sa.Column("query", sa.String(length=2000), nullable=False),
        sa.Column("saved_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("user_name", "name", name="pk_saved_searches"),
        sa.ForeignKeyConstraint(
            ["user_name"], ["users.name"], name="fk_saved_searches_user_name", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "archive_checks",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("started_by", sa.String(length=128), nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("trouble", sa.String(length=1024), nullable=True),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("of_lines", sa.BigInteger(), nullable=False),
        sa.Column("chains", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_archive_checks"),
    )
    _events()


def _events() -> None:
    """Have events found in the order of time, whatever they are found by."""
    for column in ("actor", "action"):
        op.drop_index(f"ix_audit_events_{column}", "audit_events", if_exists=True)
        op.create_index(
            f"ix_audit_events_{column}_time",
            "audit_events",
            [column, "time", "seq"],
            if_not_exists=True,
        )
    op.create_index("ix_audit_events_time", "audit_events", ["time", "seq"], if_not_exists=True)
    op.create_index(
        "ix_audit_events_refused",
        "audit_events",
        ["outcome", "time", "seq"],
        sqlite_where=_REFUSED,
        postgresql_where=_REFUSED,
        if_not_exists=True,
    )
