"""Access requests, what people decided about them, and grants."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"

_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_ID = sa.String(length=32)
_NAME = sa.String(length=63)
_BY = sa.String(length=128)
_WORD = sa.String(length=16)
_TEXT = sa.String(length=500)


def upgrade() -> None:
    """Apply."""
    _requests()
    _decisions()
    _grants()
    _news()


def _requests() -> None:
    op.create_table(
        "access_requests",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_name", _NAME, nullable=False),
        sa.Column("service", _NAME, nullable=False),
        sa.Column("flow", _NAME, nullable=False),
        sa.Column("flow_version", sa.Integer(), nullable=False),
        sa.Column("integration", _NAME),
        sa.Column("extends", _ID),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("asked", _JSON, nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("break_glass", sa.Boolean(), nullable=False),
        sa.Column("rule", _NAME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("lapses_at", _TIME, nullable=False),
        sa.Column("remind_at", _TIME),
        sa.Column("decided_at", _TIME),
        sa.Column("acknowledged_at", _TIME),
        sa.Column("acknowledged_by", _NAME),
        sa.PrimaryKeyConstraint("id", name="pk_access_requests"),
    )
    for name, columns in (
        ("created_at", ["created_at", "id"]),
        ("extends", ["extends"]),
        ("flow", ["flow", "created_at", "id"]),
        ("flow_state", ["flow", "state", "created_at", "id"]),
        ("lapses_at", ["state", "lapses_at"]),
        ("service", ["service", "created_at", "id"]),
        ("state", ["state", "created_at", "id"]),
        ("user_name", ["user_name", "created_at", "id"]),
    ):
        op.create_index(f"ix_access_requests_{name}", "access_requests", columns)


def _decisions() -> None:
    op.create_table(
        "access_decisions",
        sa.Column("request_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("decided_by", _NAME, nullable=False),
        sa.Column("decision", _WORD, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("decided_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "number", name="pk_access_decisions"),
        sa.UniqueConstraint("request_id", "decided_by", name="uq_access_decisions_decided_by"),
    )


def _grants() -> None:
    op.create_table(
        "access_grants",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_name", _NAME, nullable=False),
        sa.Column("service", _NAME, nullable=False),
        sa.Column("flow", _NAME, nullable=False),
        sa.Column("integration", _NAME),
        sa.Column("role", _NAME),
        sa.Column("rights", _JSON, nullable=False),
        sa.Column("names", _JSON, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("granted_at", _TIME, nullable=False),
        sa.Column("ends_at", _TIME, nullable=False),
        sa.Column("activated_at", _TIME),
        sa.Column("ended_at", _TIME),
        sa.Column("end_reason", _WORD),
        sa.Column("ended_by", _BY),
        sa.Column("problem", _TEXT),
        sa.Column("sessions_ended", sa.Integer()),
        sa.Column("told_at", _TIME),
        sa.Column("break_glass", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_access_grants"),
    )
    for name, columns in (
        ("flow", ["flow", "state", "ends_at", "id"]),
        ("integration", ["integration", "state", "ends_at"]),
        ("revision", ["revision", "service"]),
        ("service", ["service", "state", "ends_at", "id"]),
        ("state", ["state", "ends_at", "id"]),
        ("user_name", ["user_name", "state", "ends_at", "id"]),
    ):
        op.create_index(f"ix_access_grants_{name}", "access_grants", columns)


def _news() -> None:
    op.create_table(
        "access_rechecks",
        sa.Column("kind", sa.String(length=63), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name="pk_access_rechecks"),
    )
    op.create_table(
        "access_reports",
        sa.Column("integration", _NAME, nullable=False),
        sa.Column("connector", _BY, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("health", _JSON, nullable=False),
        sa.Column("told_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("integration", name="pk_access_reports"),
    )
