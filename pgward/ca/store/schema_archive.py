"""The tables of the archive: what edges' chains hold, and the database sessions in them."""

import sqlalchemy as sa

from pgward.ca.store.schema import UtcTime, metadata

_EDGE = sa.String(63)
_CHAIN = sa.String(16)
_HASH = sa.String(43)  # 32 bytes in base64url
_OPEN = sa.text("ended_at IS NULL")
_NONE = sa.text("0")
_NAME = sa.String(256)


def _chain(*, key: bool = True) -> tuple[sa.Column[str], sa.Column[str]]:
    """Return the columns that say which chain a row is of."""
    return (
        sa.Column("edge", _EDGE, primary_key=key, nullable=False),
        sa.Column("chain", _CHAIN, primary_key=key, nullable=False),
    )


# How far each chain goes, and which of its lines is the first that is kept.
audit_chains = sa.Table(
    "audit_chains",
    metadata,
    *_chain(),
    sa.Column("head_seq", sa.BigInteger, nullable=False),
    sa.Column("head_hash", _HASH, nullable=False),
    sa.Column("first_seq", sa.BigInteger, nullable=False),
    sa.Column("first_hash", _HASH, nullable=False),  # which the first line that is kept follows
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
)

# What an edge could not deliver any more: the lines from first_seq to last_seq.
audit_gaps = sa.Table(
    "audit_gaps",
    metadata,
    *_chain(),
    sa.Column("first_seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("noted_at", UtcTime, nullable=False),
)

# ``arrival`` has no gaps and becomes visible in its order, so that readers can follow it.
audit_chunks = sa.Table(
    "audit_chunks",
    metadata,
    sa.Column("arrival", sa.BigInteger, primary_key=True, autoincrement=False),
    *_chain(key=False),
    sa.Column("first_seq", sa.BigInteger, nullable=False),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("start_hash", _HASH, nullable=False),
    sa.Column("end_hash", _HASH, nullable=False),
    sa.Column("plain_bytes", sa.BigInteger, nullable=False),
    sa.Column("packed_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("first_time", UtcTime, nullable=False),
    sa.Column("last_time", UtcTime, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("object_key", sa.String(300), nullable=False),
    sa.Column("manifest", sa.Text, nullable=False),
    # Set while its object is being removed.
    sa.Column("purged_at", UtcTime),
    sa.UniqueConstraint("edge", "chain", "first_seq"),
    sa.Index("ix_audit_chunks_last_time", "last_time"),
    sa.Index("ix_audit_chunks_received_at", "received_at"),
    sa.Index(
        "ix_audit_chunks_purged",
        "purged_at",
        sqlite_where=sa.text("purged_at IS NOT NULL"),
        postgresql_where=sa.text("purged_at IS NOT NULL"),
    ),
)

# Which users, services, sessions, types and statuses a chunk has records of; the name ``*`` is
# that of a chunk with more than are listed.
audit_chunk_names = sa.Table(
    "audit_chunk_names",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("arrival", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Index("ix_audit_chunk_names_arrival", "arrival"),
)

# One PostgreSQL connection through an edge, as its records tell of it.
database_sessions = sa.Table(
    "database_sessions",
    metadata,
    sa.Column("edge", _EDGE, primary_key=True),
    sa.Column("id", _NAME, primary_key=True),
    sa.Column("user_name", _NAME),
    sa.Column("service", _NAME),
    sa.Column("database_name", _NAME),
    sa.Column("role_name", _NAME),
    sa.Column("client", _NAME),
    sa.Column("application", _NAME),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("status", sa.String(16)),
    sa.Column("sqlstate", sa.String(5)),
    sa.Column("end_reason", sa.String(1024)),
    sa.Column("statements", sa.BigInteger, nullable=False),
    sa.Column("errors", sa.BigInteger, nullable=False),
    sa.Column("denied", sa.BigInteger, nullable=False),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("byte_count", sa.BigInteger, nullable=False, server_default=_NONE),
    # What came within the last span of time, by its number, and within the one before.
    sa.Column("span", sa.BigInteger, nullable=False, server_default=_NONE),
    sa.Column("span_statements", sa.BigInteger, nullable=False, server_default=_NONE),
    sa.Column("span_rows", sa.BigInteger, nullable=False, server_default=_NONE),
    sa.Column("span_bytes", sa.BigInteger, nullable=False, server_default=_NONE),
    sa.Column("before_statements", sa.BigInteger, nullable=False, server_default=_NONE),
    sa.Column("before_rows", sa.BigInteger, nullable=False, server_default=_NONE),
    sa.Column("before_bytes", sa.BigInteger, nullable=False, server_default=_NONE),
    sa.Index("ix_database_sessions_started_at", "started_at"),
    sa.Index(
        "ix_database_sessions_open",
        "started_at",
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
    sa.Index("ix_database_sessions_user_name", "user_name", "started_at"),
    sa.Index("ix_database_sessions_service", "service", "started_at"),
    sa.Index("ix_database_sessions_received_at", "received_at"),
)
