"""The archive of what edges put on record: chains, chunks, and database sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TIME = sa.DateTime(timezone=True)
_EDGE = sa.String(length=63)
_CHAIN = sa.String(length=16)
_HASH = sa.String(length=43)
_NAME = sa.String(length=256)


def upgrade() -> None:
    """Apply."""
    counters = sa.table("counters", sa.column("name"), sa.column("value"))
    op.bulk_insert(counters, [{"name": "archive", "value": 0}])
    _chains()
    _chunks()
    _sessions()


def _chain() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("edge", _EDGE, nullable=False),
        sa.Column("chain", _CHAIN, nullable=False),
    )


def _chains() -> None:
    op.create_table(
        "audit_chains",
        *_chain(),
        sa.Column("head_seq", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", _HASH, nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("first_hash", _HASH, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("edge", "chain", name="pk_audit_chains"),
    )
    op.create_table(
        "audit_gaps",
        *_chain(),
        sa.Column("first_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("noted_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("edge", "chain", "first_seq", name="pk_audit_gaps"),
    )


def _chunks() -> None:
    op.create_table(
        "audit_chunks",
        sa.Column("arrival", sa.BigInteger(), autoincrement=False, nullable=False),
        *_chain(),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("start_hash", _HASH, nullable=False),
        sa.Column("end_hash", _HASH, nullable=False),
        sa.Column("plain_bytes", sa.BigInteger(), nullable=False),
        sa.Column("packed_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("first_time", _TIME, nullable=False),
        sa.Column("last_time", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("object_key", sa.String(length=300), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("purged_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("arrival", name="pk_audit_chunks"),
        sa.UniqueConstraint(
            "edge", "chain", "first_seq", name="uq_audit_chunks_edge_chain_first_seq"
        ),
    )
    op.create_index("ix_audit_chunks_last_time", "audit_chunks", ["last_time"])
    op.create_index("ix_audit_chunks_received_at", "audit_chunks", ["received_at"])
    purged = sa.text("purged_at IS NOT NULL")
    op.create_index(
        "ix_audit_chunks_purged",
        "audit_chunks",
        ["purged_at"],
        sqlite_where=purged,
        postgresql_where=purged,
    )
    op.create_table(
        "audit_chunk_names",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("arrival", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "arrival", name="pk_audit_chunk_names"),
    )
    op.create_index("ix_audit_chunk_names_arrival", "audit_chunk_names", ["arrival"])


def _sessions() -> None:
    op.create_table(
        "database_sessions",
        sa.Column("edge", _EDGE, nullable=False),
        sa.Column("id", _NAME, nullable=False),
        sa.Column("user_name", _NAME, nullable=True),
        sa.Column("service", _NAME, nullable=True),
        sa.Column("database_name", _NAME, nullable=True),
        sa.Column("role_name", _NAME, nullable=True),
        sa.Column("client", _NAME, nullable=True),
        sa.Column("application", _NAME, nullable=True),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("sqlstate", sa.String(length=5), nullable=True),
        sa.Column("end_reason", sa.String(length=1024), nullable=True),
        sa.Column("statements", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("denied", sa.BigInteger(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("edge", "id", name="pk_database_sessions"),
    )
    op.create_index("ix_database_sessions_started_at", "database_sessions", ["started_at"])
    op.create_index(
        "ix_database_sessions_user_name", "database_sessions", ["user_name", "started_at"]
    )
    op.create_index("ix_database_sessions_service", "database_sessions", ["service", "started_at"])
    op.create_index("ix_database_sessions_received_at", "database_sessions", ["received_at"])
