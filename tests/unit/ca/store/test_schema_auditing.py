from pgward.ca.store import tables
from pgward.ca.store.schema_auditing import archive_checks, saved_searches


def test_they_are_among_the_tables_of_the_store():
    assert {saved_searches, archive_checks} <= set(tables.every())
