from pgward.ca.store import tables
from pgward.ca.store.schema_accounts import account_rotations, secret_versions


def test_they_are_among_the_tables_of_the_store():
    assert {account_rotations, secret_versions} <= set(tables.every())
