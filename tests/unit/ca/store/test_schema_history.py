from pgward.ca.store import tables
from pgward.ca.store.schema import metadata
from pgward.ca.store.schema_history import resource_history


def test_it_is_among_the_tables_of_the_store():
    assert resource_history in set(tables.every())
    assert resource_history.metadata is metadata
