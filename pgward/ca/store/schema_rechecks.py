"""The table of what changed that access may rest on."""

import sqlalchemy as sa

from pgward.ca.store.schema import metadata

# Whose grants to look at again, as something changed that they rest on: a person (kind "user"), or
# a resource. Written in the transaction of the change, so that none is forgotten.
access_rechecks = sa.Table(
    "access_rechecks",
    metadata,
    sa.Column("kind", sa.String(63), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    # Another one with each change: who has looked removes what was there as they began to.
    sa.Column("mark", sa.BigInteger, nullable=False),
)
