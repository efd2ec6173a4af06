from pgward.ca.store import tables
from pgward.ca.store.schema import metadata
from pgward.ca.store.schema_archive import audit_chains, audit_chunks, database_sessions


def test_they_are_among_the_tables_of_the_store():
    assert {audit_chains, audit_chunks, database_sessions} <= set(tables.every())
    assert audit_chunks.metadata is metadata
