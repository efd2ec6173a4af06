"""The tables of the ACME server."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "acme_secrets",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_acme_secrets"),
    )
    op.create_table(
        "acme_keys",
        sa.Column("kid", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("dns", _JSON, nullable=False),
        sa.Column("ips", _JSON, nullable=False),
        sa.Column("pre_authorized", sa.Boolean(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("kid", name="pk_acme_keys"),
        sa.UniqueConstraint("name", name="uq_acme_keys_name"),
    )
    op.create_table(
        "acme_accounts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("thumbprint", sa.String(length=64), nullable=False),
        sa.Column("jwk", _JSON, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("contact", _JSON, nullable=False),
        sa.Column("kid", sa.String(length=32), nullable=True),
        sa.Column("client", sa.String(length=1024), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_acme_accounts"),
        sa.UniqueConstraint("thumbprint", name="uq_acme_accounts_thumbprint"),
    )
    op.create_index("ix_acme_accounts_kid", "acme_accounts", ["kid"])
    op.create_table(
        "acme_orders",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("identifiers", _JSON, nullable=False),
        sa.Column("replaces", sa.String(length=256), nullable=True),
        sa.Column("error", _JSON, nullable=True),
        sa.Column("csr", sa.Text(), nullable=True),
        sa.Column("csr_key_sha256", sa.String(length=64), nullable=True),
        sa.Column("finalized_at", _TIME, nullable=True),
        sa.Column("serial", sa.String(length=40), nullable=True),
        sa.Column("client", sa.String(length=1024), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_acme_orders"),
    )
    op.create_index("ix_acme_orders_account_id", "acme_orders", ["account_id", "created_at"])
    op.create_index("ix_acme_orders_expires_at", "acme_orders", ["expires_at"])
    op.create_index("ix_acme_orders_replaces", "acme_orders", ["replaces"])
    op.create_index("ix_acme_orders_status", "acme_orders", ["status", "finalized_at"])
    op.create_table(
        "acme_authorizations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("identifier", _JSON, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["acme_orders.id"],
            name="fk_acme_authorizations_order_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_acme_authorizations"),
    )
    op.create_index("ix_acme_authorizations_order_id", "acme_authorizations", ["order_id"])
    op.create_table(
        "acme_challenges",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("authorization_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("error", _JSON, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", _TIME, nullable=True),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["acme_authorizations.id"],
            name="fk_acme_challenges_authorization_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_acme_challenges"),
    )
    op.create_index(
        "ix_acme_challenges_account_id", "acme_challenges", ["account_id", "finished_at"]
    )
    op.create_index("ix_acme_challenges_authorization_id", "acme_challenges", ["authorization_id"])
    op.create_index("ix_acme_challenges_status", "acme_challenges", ["status", "due_at"])
    op.create_table(
        "acme_certificates",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name="pk_acme_certificates"),
    )
    op.create_index("ix_acme_certificates_account_id", "acme_certificates", ["account_id"])
    op.create_table(
        "acme_nonces",
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("nonce", name="pk_acme_nonces"),
    )
    op.create_index("ix_acme_nonces_expires_at", "acme_nonces", ["expires_at"])
