"""The table of what edges find of the databases behind them."""

import sqlalchemy as sa

from pgward.ca.store.schema import UtcTime, metadata

_NAME = sa.String(63)

# One row for each service that an edge asks; ``problem`` is null where a server of it answers.
database_health = sa.Table(
    "database_health",
    metadata,
    sa.Column("service", _NAME, primary_key=True),
    sa.Column("edge", _NAME, primary_key=True),
    sa.Column("problem", sa.String(500)),
    sa.Column("since", UtcTime, nullable=False),
)
