from pgward.ca.store import tables
from pgward.ca.store.schema_accounts import access_passwords, account_rotations, secret_versions


def test_they_are_among_the_tables_of_the_store():
    assert {access_passwords, account_rotations, secret_versions} <= set(tables.every())
