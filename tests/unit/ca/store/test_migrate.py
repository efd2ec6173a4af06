from pgward.ca.store import migrate
from tests.fixtures import released


def test_the_migrations_make_the_tables_of_the_schema(store):
    with store.read() as connection:
        assert released.differences(connection) == []
        assert migrate.revision(connection) == migrate.head()
