"""The tables of secrets, and of those who come to an edge without a certificate."""

import sqlalchemy as sa

from pgward.ca.store.schema import UtcTime, metadata

_ID = sa.String(32)
_NAME = sa.String(63)
_BY = sa.String(128)
_LONG = sa.String(1024)


def _user() -> sa.Column[str]:
    """Return the column that says whose a row is: it goes when the person is removed."""
    owner = sa.ForeignKey("users.name", ondelete="CASCADE")
    return sa.Column("user_name", _NAME, owner, nullable=False, index=True)


# Keys that wrap the data keys of secrets, sealed by `keys/seal.key`; the highest number is in use.
secret_keys = sa.Table(
    "secret_keys",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", _BY, nullable=False),
)

# What edges log in to PostgreSQL with: encrypted with a data key, which is wrapped by a key above.
secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("key_number", sa.ForeignKey("secret_keys.number"), nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", _BY, nullable=False),
    sa.Column("rotated_at", UtcTime),
    sa.Column("rotated_by", _BY),
)

# One-time passwords, of which only the SHA-256 is known here.
one_time_passwords = sa.Table(
    "one_time_passwords",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    _user(),
    sa.Column("service", _NAME, nullable=False),
    # The login session in which it was made; what ends that ends it.
    sa.Column("session_id", _ID, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Column("used_at", UtcTime),
    sa.Column("used_by", _BY),
)

# Tokens, of whose secrets only the verifier (RFC 5803) is known here.
access_tokens = sa.Table(
    "access_tokens",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    _user(),
    sa.Column("service", _NAME, nullable=False),
    sa.Column("session_id", _ID, nullable=False),
    sa.Column("verifier", sa.String(256), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Column("revoked_at", UtcTime),
    sa.Column("revoked_by", _BY),
    sa.Column("last_used_at", UtcTime),
    sa.Column("last_client", _LONG),
)
