from pgward.ca.store import tables
from pgward.ca.store.schema_rechecks import access_rechecks


def test_it_is_among_the_tables_of_the_store():
    assert access_rechecks in tables.every()
