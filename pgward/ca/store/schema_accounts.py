"""The tables of former values of secrets, and of passwords that change by themselves."""

import sqlalchemy as sa

from pgward.ca.store.schema import UtcTime, metadata

_NAME = sa.String(63)
_BY = sa.String(128)

# Values of secrets that are not in use: former ones, to be recovered, and those that are to come
# (pending). Encrypted as the one in use is, which stands in `secrets`.
secret_versions = sa.Table(
    "secret_versions",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("key_number", sa.ForeignKey("secret_keys.number"), nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", _BY, nullable=False),
    sa.Column("expires_at", UtcTime, index=True),
)

# One account of an upstream whose password changes: when it did, and how far the next change is.
account_rotations = sa.Table(
    "account_rotations",
    metadata,
    sa.Column("integration", _NAME, primary_key=True),
    sa.Column("account", _NAME, primary_key=True),
    sa.Column("secret", _NAME, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    # The version that is to be the next one, while it is on its way to the server.
    sa.Column("version", sa.Integer),
    sa.Column("changed_at", UtcTime),
    sa.Column("asked_at", UtcTime),
    sa.Column("asked_by", _BY),
    sa.Column("failed_at", UtcTime),
    sa.Column("failure", sa.String(1024)),
)

# Passwords of access roles, at servers that take no certificates. ``wanted`` is the version that
# a role is to have, ``made`` the last that there is, and ``there`` the one that its connector has
# told of; the one before is kept for the moment between the server's change and that word.
access_passwords = sa.Table(
    "access_passwords",
    metadata,
    sa.Column("integration", _NAME, primary_key=True),
    sa.Column("role", _NAME, primary_key=True),
    sa.Column("wanted", sa.Integer, nullable=False),
    sa.Column("made", sa.Integer),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("former", sa.Integer),
    sa.Column("former_sealed", sa.LargeBinary),
    sa.Column("there", sa.Integer),
    sa.Column("refused_at", UtcTime),
)
