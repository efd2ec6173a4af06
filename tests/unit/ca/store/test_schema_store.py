from pgward.ca.store import tables
from pgward.ca.store.schema import metadata
from pgward.ca.store.schema_store import leadership, store_marks


def test_they_are_among_the_tables_of_the_store():
    assert {leadership, store_marks} <= set(tables.every())
    assert leadership.metadata is metadata
