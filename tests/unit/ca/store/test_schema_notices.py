from pgward.ca.store import tables
from pgward.ca.store.schema import metadata
from pgward.ca.store.schema_notices import notice_deliveries, notices, used_notice_links


def test_they_are_among_the_tables_of_the_store():
    assert {notices, notice_deliveries, used_notice_links} <= set(tables.every())
    assert notices.metadata is metadata
