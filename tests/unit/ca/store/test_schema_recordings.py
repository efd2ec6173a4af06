from pgward.ca.store import tables
from pgward.ca.store.schema import metadata
from pgward.ca.store.schema_recordings import recording_keys, recording_pieces, session_endings


def test_they_are_among_the_tables_of_the_store():
    assert {recording_keys, recording_pieces, session_endings} <= set(tables.every())
    assert recording_pieces.metadata is metadata
