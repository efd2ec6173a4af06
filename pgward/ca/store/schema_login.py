"""The tables of logging in: devices, second factors, and who people are elsewhere."""

import sqlalchemy as sa

from pgward.ca.store.schema import Json, UtcTime, metadata

_ID = sa.String(32)
_NAME = sa.String(63)
_LONG = sa.String(1024)
_HASH = sa.LargeBinary(32)


def _user(*, key: bool = False) -> sa.Column[str]:
    """Return the column that says whose a row is: it goes when the person is removed."""
    owner = sa.ForeignKey("users.name", ondelete="CASCADE")
    return sa.Column("user_name", _NAME, owner, primary_key=key, nullable=False)


PENDING = "state = 'pending'"

# A device key that a person logged in with; ``state`` is pending, approved or revoked.
devices = sa.Table(
    "devices",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    _user(),
    # RFC 7638 thumbprint of the device key.
    sa.Column("thumbprint", sa.String(64), nullable=False, index=True),
    sa.Column("name", _LONG, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_client", _LONG),
    sa.Column("approved_at", UtcTime),
    sa.Column("approved_by", sa.String(128)),
    sa.Column("revoked_at", UtcTime),
    sa.Column("last_seen_at", UtcTime, nullable=False),
    sa.Column("last_client", _LONG),
    # What the device says of itself.
    sa.Column("posture", Json),
    sa.Column("posture_at", UtcTime),
    sa.UniqueConstraint("user_name", "thumbprint"),
    sa.Index(
        "ix_devices_pending",
        "created_at",
        sqlite_where=sa.text(PENDING),
        postgresql_where=sa.text(PENDING),
    ),
)

# One-time tokens with which a person enrolls a device.
device_tokens = sa.Table(
    "device_tokens",
    metadata,
    sa.Column("secret_hash", _HASH, primary_key=True),
    _user(),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Column("used_at", UtcTime),
    sa.Index("ix_device_tokens_user_name", "user_name"),
)

# ``confirmed_at`` NULL is an enrolment that is not finished; a step is used once (RFC 6238 5.2).
totp_secrets = sa.Table(
    "totp_secrets",
    metadata,
    _user(key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("confirmed_at", UtcTime),
)

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    _user(key=True),
    sa.Column("code_hash", _HASH, primary_key=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("used_at", UtcTime),
)

# ``id`` is the SHA-256 of the credential's own id, which may have 1023 bytes.
webauthn_credentials = sa.Table(
    "webauthn_credentials",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    _user(),
    sa.Column("credential_id", sa.LargeBinary, nullable=False),
    sa.Column("name", _LONG, nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("aaguid", sa.String(36), nullable=False),
    sa.Column("transports", Json, nullable=False),
    sa.Column("backed_up", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("last_used_at", UtcTime),
    sa.Index("ix_webauthn_credentials_user_name", "user_name"),
)

# Who a person is at an identity provider.
external_identities = sa.Table(
    "external_identities",
    metadata,
    sa.Column("provider", _NAME, primary_key=True),
    sa.Column("subject", sa.String(255), primary_key=True),
    _user(),
    sa.Column("linked_at", UtcTime, nullable=False),
    sa.Column("linked_by", sa.String(128), nullable=False),
    sa.Column("last_login_at", UtcTime),
    # When the provider last said that the person may log in.
    sa.Column("confirmed_at", UtcTime),
    sa.Index("ix_external_identities_user_name", "user_name"),
)

# Which groups a provider gave: what it takes away again is among these only.
provider_groups = sa.Table(
    "provider_groups",
    metadata,
    sa.Column("provider", _NAME, primary_key=True),
    _user(key=True),
    sa.Column("group_name", _NAME, primary_key=True),
    sa.Index("ix_provider_groups_user_name", "user_name"),
)

# What a provider's spec must not show: a client secret, the password of a bind.
provider_secrets = sa.Table(
    "provider_secrets",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("updated_by", sa.String(128), nullable=False),
)

# Passwords that people had before, of whom a rule wants that they use none of them again.
password_history = sa.Table(
    "password_history",
    metadata,
    _user(key=True),
    # The highest is the newest.
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("password_hash", sa.String(256), nullable=False),
)

# Logins that came to their end, so that each sealed flow does so once.
used_flows = sa.Table(
    "used_flows",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)

# Fresh second factors: until when all connections of a person to a service count as stepped up.
step_ups = sa.Table(
    "step_ups",
    metadata,
    _user(key=True),
    sa.Column("service", _NAME, primary_key=True),
    # It goes with its session, at each logout.
    sa.Column("session_id", sa.String(64), nullable=False, index=True),
    sa.Column("factor", sa.String(32), nullable=False),
    sa.Column("proved_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)

# Links by which people choose their first password, or another one: one of each person's counts.
invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    _user(),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.UniqueConstraint("user_name"),
)
