"""Logging in: devices, second factors, identity providers; secrets that replicas share."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)
_NAME = sa.String(length=63)
_LONG = sa.String(length=1024)


def upgrade() -> None:
    """Apply."""
    _accounts()
    _sessions()
    _shared_secrets()
    _devices()
    _factors()
    _providers()
    _once()


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_name"], ["users.name"], name=f"fk_{table}_user_name", ondelete="CASCADE"
    )


def _user() -> sa.Column[str]:
    return sa.Column("user_name", _NAME, nullable=False)


def _accounts() -> None:
    op.add_column("users", sa.Column("valid_from", _TIME, nullable=True))
    op.add_column("users", sa.Column("valid_until", _TIME, nullable=True))
    op.create_index("ix_users_valid_until", "users", ["valid_until"])
    op.add_column(
        "users",
        sa.Column("must_change_password", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def _sessions() -> None:
    for column in (
        sa.Column("device_id", sa.String(length=32), nullable=True),
        sa.Column("factors", _JSON, nullable=True),
        sa.Column("reason", _LONG, nullable=True),
        sa.Column("provider", _NAME, nullable=True),
        sa.Column("provider_subject", sa.String(length=255), nullable=True),
        sa.Column("provider_sid", sa.String(length=255), nullable=True),
        sa.Column("refresh_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("refreshed_at", _TIME, nullable=True),
    ):
        op.add_column("login_sessions", column)
    counters = sa.table("counters", sa.column("name"), sa.column("value"))
    op.bulk_insert(counters, [{"name": "endings", "value": 0}])
    op.create_index("ix_login_sessions_device_id", "login_sessions", ["device_id"])
    op.create_index("ix_login_sessions_provider_sid", "login_sessions", ["provider_sid"])
    op.create_index(
        "ix_login_sessions_provider", "login_sessions", ["provider", "provider_subject"]
    )


def _shared_secrets() -> None:
    made = op.create_table(
        "shared_secrets",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_shared_secrets"),
    )
    columns = [column.name for column in made.columns]
    former = sa.table("acme_secrets", *(sa.column(name) for name in columns))
    op.execute(sa.insert(made).from_select(columns, sa.select(former)))
    op.drop_table("acme_secrets")


def _devices() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.String(length=32), nullable=False),
        _user(),
        sa.Column("thumbprint", sa.String(length=64), nullable=False),
        sa.Column("name", _LONG, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_client", _LONG, nullable=True),
        sa.Column("approved_at", _TIME, nullable=True),
        sa.Column("approved_by", sa.String(length=128), nullable=True),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.Column("last_seen_at", _TIME, nullable=False),
        sa.Column("last_client", _LONG, nullable=True),
        sa.Column("posture", _JSON, nullable=True),
        sa.Column("posture_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.UniqueConstraint("user_name", "thumbprint", name="uq_devices_user_name_thumbprint"),
        _owner("devices"),
    )
    op.create_index("ix_devices_thumbprint", "devices", ["thumbprint"])
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_devices_pending",
        "devices",
        ["created_at"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_table(
        "device_tokens",
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        _user(),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("secret_hash", name="pk_device_tokens"),
        _owner("device_tokens"),
    )
    op.create_index("ix_device_tokens_expires_at", "device_tokens", ["expires_at"])
    op.create_index("ix_device_tokens_user_name", "device_tokens", ["user_name"])


def _factors() -> None:
    op.create_table(
        "totp_secrets",
        _user(),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("confirmed_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("user_name", name="pk_totp_secrets"),
        _owner("totp_secrets"),
    )
    op.create_table(
        "password_history",
        _user(),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("user_name", "number", name="pk_password_history"),
        _owner("password_history"),
    )
    op.create_table(
        "recovery_codes",
        _user(),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("user_name", "code_hash", name="pk_recovery_codes"),
        _owner("recovery_codes"),
    )
    op.create_table(
        "webauthn_credentials",
        sa.Column("id", sa.String(length=64), nullable=False),
        _user(),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("name", _LONG, nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("aaguid", sa.String(length=36), nullable=False),
        sa.Column("transports", _JSON, nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("last_used_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webauthn_credentials"),
        _owner("webauthn_credentials"),
    )
    op.create_index("ix_webauthn_credentials_user_name", "webauthn_credentials", ["user_name"])


def _providers() -> None:
    op.create_table(
        "external_identities",
        sa.Column("provider", _NAME, nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        _user(),
        sa.Column("linked_at", _TIME, nullable=False),
        sa.Column("linked_by", sa.String(length=128), nullable=False),
        sa.Column("last_login_at", _TIME, nullable=True),
        sa.Column("confirmed_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("provider", "subject", name="pk_external_identities"),
        _owner("external_identities"),
    )
    op.create_index("ix_external_identities_user_name", "external_identities", ["user_name"])
    op.create_table(
        "provider_groups",
        sa.Column("provider", _NAME, nullable=False),
        _user(),
        sa.Column("group_name", _NAME, nullable=False),
        sa.PrimaryKeyConstraint("provider", "user_name", "group_name", name="pk_provider_groups"),
        _owner("provider_groups"),
    )
    op.create_index("ix_provider_groups_user_name", "provider_groups", ["user_name"])
    op.create_table(
        "provider_secrets",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("updated_by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_provider_secrets"),
    )


def _once() -> None:
    op.create_table(
        "used_flows",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_used_flows"),
    )
    op.create_index("ix_used_flows_expires_at", "used_flows", ["expires_at"])
    op.create_table(
        "step_ups",
        _user(),
        sa.Column("service", _NAME, nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("factor", sa.String(length=32), nullable=False),
        sa.Column("proved_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("user_name", "service", name="pk_step_ups"),
        _owner("step_ups"),
    )
    op.create_index("ix_step_ups_session_id", "step_ups", ["session_id"])
    op.create_index("ix_step_ups_expires_at", "step_ups", ["expires_at"])
