from pgward.ca.store.schema import metadata
from pgward.ca.store.schema_log import log_heads, log_leaves, log_nodes, log_tree


def test_its_tables_are_among_the_stores():
    for table in (log_tree, log_leaves, log_nodes, log_heads):
        assert metadata.tables[table.name] is table
