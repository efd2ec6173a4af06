from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from pgward.ca.store import migrate
from pgward.ca.store.schema import metadata


def test_the_migrations_make_the_tables_of_the_schema(store):
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert migrate.revision(connection) == migrate.head()
