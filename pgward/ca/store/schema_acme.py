"""The tables of the ACME server (pgward.ca.acme)."""

import sqlalchemy as sa

from pgward.ca.store.schema import Json, UtcTime, metadata

_ID = sa.String(32)
_LONG = sa.String(1024)

# The HMAC keys themselves are stored nowhere: they follow from keys/acme.key and ``kid``.
acme_keys = sa.Table(
    "acme_keys",
    metadata,
    sa.Column("kid", _ID, primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    sa.Column("dns", Json, nullable=False),
    sa.Column("ips", Json, nullable=False),
    # Whether its names need no challenge.
    sa.Column("pre_authorized", sa.Boolean, nullable=False),
    sa.Column("uses", sa.Integer, nullable=False),
    sa.Column("used", sa.Integer, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("revoked_at", UtcTime),
)

acme_accounts = sa.Table(
    "acme_accounts",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("thumbprint", sa.String(64), nullable=False, unique=True),
    sa.Column("jwk", Json, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("contact", Json, nullable=False),
    sa.Column("kid", _ID, index=True),
    sa.Column("client", _LONG),
    sa.Column("created_at", UtcTime, nullable=False),
)

acme_orders = sa.Table(
    "acme_orders",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("account_id", _ID, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("identifiers", Json, nullable=False),
    sa.Column("replaces", sa.String(256), index=True),
    sa.Column("error", Json),
    # The signing request in PEM from finalize on, so that a restart can go on with it.
    sa.Column("csr", sa.Text),
    sa.Column("csr_key_sha256", sa.String(64)),
    sa.Column("finalized_at", UtcTime),
    sa.Column("serial", sa.String(40)),
    sa.Column("client", _LONG),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Index("ix_acme_orders_account_id", "account_id", "created_at"),
    sa.Index("ix_acme_orders_status", "status", "finalized_at"),
)

acme_authorizations = sa.Table(
    "acme_authorizations",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column(
        "order_id",
        _ID,
        sa.ForeignKey("acme_orders.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("account_id", _ID, nullable=False),
    sa.Column("identifier", Json, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
)

acme_challenges = sa.Table(
    "acme_challenges",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column(
        "authorization_id",
        _ID,
        sa.ForeignKey("acme_authorizations.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("account_id", _ID, nullable=False),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("token", sa.String(64), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("error", Json),
    sa.Column("attempts", sa.Integer, nullable=False),
    # While it is processing: when a replica may take it (again).
    sa.Column("due_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Index("ix_acme_challenges_status", "status", "due_at"),
    sa.Index("ix_acme_challenges_account_id", "account_id", "finished_at"),
)

# Purged with the certificates themselves: who may revoke, and that these certificates are no
# machine's that enrolled.
acme_certificates = sa.Table(
    "acme_certificates",
    metadata,
    sa.Column("serial", sa.String(40), primary_key=True),
    sa.Column("account_id", _ID, nullable=False, index=True),
    sa.Column("order_id", _ID, nullable=False),
    # The CAs below the root as they were at the time, in PEM.
    sa.Column("chain", sa.Text, nullable=False),
)

# Nonces that were used; those that were not are known by their MAC alone.
acme_nonces = sa.Table(
    "acme_nonces",
    metadata,
    sa.Column("nonce", sa.String(64), primary_key=True),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
