"""The tables of the authority's store, the same on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from pgward.ca.store import shelves

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime: timestamptz on PostgreSQL, sortable UTC text on SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; SQLite keeps no zone, so give it UTC without one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


Json: sa.types.TypeEngine[Any] = sa.JSON(none_as_null=True).with_variant(
    JSONB(none_as_null=True), "postgresql"
)
_NAME = sa.String(63)
_LONG = sa.String(1024)

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    # Names differ by more than case, or pg_ident and people would mix them up.
    sa.Column("name_key", _NAME, nullable=False, unique=True),
    sa.Column("full_name", _LONG, nullable=False),
    sa.Column("email", _LONG, nullable=False),
    sa.Column("password_hash", sa.String(256)),
    sa.Column("password_changed_at", UtcTime),
    sa.Column("blocked_at", UtcTime),
    sa.Column("blocked_reason", _LONG),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    # The account lets nobody in before and after these.
    sa.Column("valid_from", UtcTime),
    sa.Column("valid_until", UtcTime, index=True),
    sa.Column("must_change_password", sa.Boolean, nullable=False, server_default=sa.false()),
)

group_members = sa.Table(
    "group_members",
    metadata,
    sa.Column("group_name", _NAME, primary_key=True),
    sa.Column(
        "user_name",
        _NAME,
        sa.ForeignKey("users.name", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
)

login_sessions = sa.Table(
    "login_sessions",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("token_hash", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("user_name", _NAME, nullable=False, index=True),
    # RFC 7638 thumbprint of the device key that the token is bound to.
    sa.Column("thumbprint", sa.String(64), nullable=False),
    sa.Column("method", sa.String(32), nullable=False),
    sa.Column("client", _LONG),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Column("ended_at", UtcTime),
    sa.Column("end_reason", _LONG),
    sa.Column("device_id", sa.String(32), index=True),
    sa.Column("factors", Json),
    sa.Column("reason", _LONG),
    # Of an identity provider: whose session there this one follows, and how to ask about it.
    sa.Column("provider", _NAME),
    sa.Column("provider_subject", sa.String(255)),
    sa.Column("provider_sid", sa.String(255), index=True),
    sa.Column("refresh_sealed", sa.LargeBinary),
    sa.Column("refreshed_at", UtcTime),
    sa.Index("ix_login_sessions_provider", "provider", "provider_subject"),
)

COMPROMISED = "reason = 'key_compromise'"

# Reserved (pending) before it is signed, so that no certificate exists unrecorded.
certificates = sa.Table(
    "certificates",
    metadata,
    sa.Column("serial", sa.String(40), primary_key=True),
    sa.Column("ca", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject", _LONG, nullable=False),
    sa.Column("dns", Json, nullable=False),
    sa.Column("ips", Json, nullable=False),
    sa.Column("session_id", sa.String(64)),
    sa.Column("key_sha256", sa.String(64), nullable=False),
    sa.Column("not_before", UtcTime, nullable=False),
    sa.Column("not_after", UtcTime, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("der", sa.LargeBinary),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("revoked_at", UtcTime),
    sa.Column("reason", sa.String(64)),
    sa.Column("client", _LONG),  # the network address that asked
    sa.Column("log_index", sa.BigInteger),  # its leaf of the transparency log
    sa.Column("fingerprint", sa.String(64)),  # SHA-256 of the DER, lower-case hex
    sa.Index("ix_certificates_kind_subject", "kind", "subject", "created_at", "serial"),
    sa.Index("ix_certificates_ca_state", "ca", "state", "not_after"),
    sa.Index("ix_certificates_created_at", "created_at", "serial"),
    shelves.index("ix_certificates_key_sha256", "key_sha256"),
    shelves.index("ix_certificates_fingerprint", "fingerprint"),
    sa.Index("ix_certificates_log_index", "log_index", unique=True),
    sa.Index(
        "ix_certificates_revoked",
        "created_at",
        "serial",
        sqlite_where=sa.text("revoked_at IS NOT NULL"),
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_certificates_compromised",
        "key_sha256",
        sqlite_where=sa.text(COMPROMISED),
        postgresql_where=sa.text(COMPROMISED),
    ),
)

crls = sa.Table(
    "crls",
    metadata,
    sa.Column("ca", sa.String(32), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("this_update", UtcTime, nullable=False),
    sa.Column("next_update", UtcTime, nullable=False),
    sa.Column("der", sa.LargeBinary, nullable=False),
)

resources = sa.Table(
    "resources",
    metadata,
    sa.Column("kind", sa.String(63), primary_key=True),
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("description", _LONG, nullable=False),
    sa.Column("spec", Json, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("updated_by", sa.String(128), nullable=False),
)

machines = sa.Table(
    "machines",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("dns", Json, nullable=False),
    sa.Column("ips", Json, nullable=False),
    sa.Column("advertise", sa.String(300)),
    sa.Column("enrolled_at", UtcTime, nullable=False),
    sa.Column("last_seen_at", UtcTime),
    sa.Column("snapshot_version", sa.BigInteger),
)

join_tokens = sa.Table(
    "join_tokens",
    metadata,
    sa.Column("secret_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("dns", Json, nullable=False),
    sa.Column("ips", Json, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Column("used_at", UtcTime),
)

REFUSED = "outcome <> 'ok'"

audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("time", UtcTime, nullable=False),
    sa.Column("source", sa.String(128), nullable=False),
    sa.Column("actor", _LONG, nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("target", _LONG),
    sa.Column("reason", _LONG),
    sa.Column("client", _LONG),
    sa.Column("details", Json, nullable=False),
    # By each of them events are found in the order of time.
    sa.Index("ix_audit_events_time", "time", "seq"),
    sa.Index("ix_audit_events_actor_time", "actor", "time", "seq"),
    sa.Index("ix_audit_events_action_time", "action", "time", "seq"),
    sa.Index(
        "ix_audit_events_refused",
        "outcome",
        "time",
        "seq",
        sqlite_where=sa.text(REFUSED),
        postgresql_where=sa.text(REFUSED),
    ),
)

# One row a name: "snapshot" (what an edge must know), "audit" (the last seq), "endings" (of login
# sessions, for PostgreSQL hosts), "grants" (by how much the first grew with grants alone).
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
