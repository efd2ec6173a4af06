from pgward.ca.store import tables
from pgward.ca.store.schema_catalog import (
    catalog_grants,
    catalog_objects,
    catalog_pieces,
    catalog_roles,
    catalog_scans,
)


def test_they_are_among_the_tables_of_the_store():
    mine = {catalog_scans, catalog_pieces, catalog_objects, catalog_grants, catalog_roles}
    assert mine <= set(tables.every())
