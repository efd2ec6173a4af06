"""Tables about the store itself: who leads, whether it may be served, which secrets go with it."""

import sqlalchemy as sa

from pgward.ca.store.schema import UtcTime, metadata

# One row, "upkeep". The epoch grows with each change of leader, so that one who lost the lead
# without knowing it commits nothing more.
leadership = sa.Table(
    "leadership",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.String(300), nullable=False),
    sa.Column("since", UtcTime, nullable=False),
)

# "arriving": a copy that is not in use yet; "moved": where the CA's store is instead.
store_marks = sa.Table(
    "store_marks",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.String(1024), nullable=False),
)

# The SHA-256 of what all replicas share in files (pgward.ca.keys.shared_secret).
shared_secrets = sa.Table(
    "shared_secrets",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)
