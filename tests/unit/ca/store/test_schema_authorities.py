from pgward.ca.store.schema import metadata
from pgward.ca.store.schema_authorities import (
    authorities,
    ca_replicas,
    rotation_reports,
    rotations,
)


def test_the_tables_are_the_stores():
    tables = (authorities, rotations, rotation_reports, ca_replicas)
    assert [metadata.tables[table.name] for table in tables] == list(tables)
