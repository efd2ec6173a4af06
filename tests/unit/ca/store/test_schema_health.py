from pgward.ca.store import tables
from pgward.ca.store.schema_health import database_health


def test_it_is_among_the_tables_of_the_store():
    assert database_health in tables.every()
