"""Alembic's entry: runs inside the transaction that the caller opened."""

from alembic import context

from pgward.ca.store import tables
from pgward.ca.store.schema import metadata

tables.every()  # each table is known to the metadata by now
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
