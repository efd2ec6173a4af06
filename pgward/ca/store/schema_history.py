"""The table of what each resource was, version by version; a resource itself is in `resources`."""

import sqlalchemy as sa

from pgward.ca.store.schema import Json, UtcTime, metadata

# Of each change one row, and a deletion is one, too: versions go on where a name comes back.
resource_history = sa.Table(
    "resource_history",
    metadata,
    sa.Column("kind", sa.String(63), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    # "created", "updated" or "deleted".
    sa.Column("change", sa.String(16), nullable=False),
    sa.Column("description", sa.String(1024), nullable=False),
    sa.Column("spec", Json),  # none of what was deleted
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("changed_by", sa.String(128), nullable=False),
    sa.Column("reason", sa.String(1024), nullable=False),
    sa.Column("restored", sa.Integer),  # the version that a rollback brought back
    sa.Index("ix_resource_history_changed_at", "changed_at", "kind", "name", "version"),
)
