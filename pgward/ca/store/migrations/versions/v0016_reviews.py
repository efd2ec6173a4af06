"""Reviews of rights, and when rights were last used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)
_NAME = sa.String(length=63)
_BY = sa.String(length=128)
_WORD = sa.String(length=16)
_TEXT = sa.String(length=500)


def upgrade() -> None:
    """Apply."""
    _reviews()
    _items()
    _uses()


def _reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("filters", _JSON, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("started_by", _BY, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("reminded_at", _TIME, nullable=True),
        sa.Column("closed_at", _TIME, nullable=True),
        sa.Column("closed_by", _BY, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_reviews"),
    )
    op.create_index("ix_reviews_state", "reviews", ["state", "due_at"])


def _items() -> None:
    op.create_table(
        "review_items",
        sa.Column("review", _NAME, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("path", _WORD, nullable=False),
        sa.Column("user_name", _BY, nullable=True),
        sa.Column("group_name", _NAME, nullable=True),
        sa.Column("members", sa.Integer(), nullable=True),
        sa.Column("service", _NAME, nullable=True),
        sa.Column("integration", _NAME, nullable=True),
        sa.Column("hosts", _JSON, nullable=False),
        sa.Column("role", sa.String(length=252), nullable=True),
        sa.Column("resource_kind", _NAME, nullable=False),
        sa.Column("resource_name", _NAME, nullable=False),
        sa.Column("reference", sa.String(length=32), nullable=True),
        sa.Column("since", _TIME, nullable=True),
        sa.Column("until", _TIME, nullable=True),
        sa.Column("last_used", _TIME, nullable=True),
        sa.Column("unused", sa.Boolean(), nullable=True),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("flagged", sa.String(length=200), nullable=True),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("decided_at", _TIME, nullable=True),
        sa.Column("decided_by", _BY, nullable=True),
        sa.Column("note", _TEXT, nullable=False),
        sa.Column("obstacle", _TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["review"], ["reviews.name"], name="fk_review_items_review_reviews", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("review", "number", name="pk_review_items"),
    )
    op.create_index("ix_review_items_state", "review_items", ["review", "state", "number"])


def _uses() -> None:
    op.create_table(
        "last_uses",
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("place", _NAME, nullable=False),
        sa.Column("user_name", _NAME, nullable=False),
        sa.Column("used_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_name"],
            ["users.name"],
            name="fk_last_uses_user_name_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("kind", "place", "user_name", name="pk_last_uses"),
    )
    op.create_index("ix_last_uses_user_name", "last_uses", ["user_name"])
    # Or whoever used something before would not have used it.
    op.execute(
        """INSERT INTO last_uses (kind, place, user_name, used_at)
        SELECT 'service', e.target, u.name, max(e.time)
        FROM audit_events e JOIN users u ON u.name = e.actor
        WHERE e.action = 'session.open' AND e.outcome = 'ok' AND substr(e.source, 1, 4) = 'edge'
        AND length(e.target) BETWEEN 1 AND 63
        GROUP BY e.target, u.name"""
    )
