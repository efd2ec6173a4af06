import pytest
import sqlalchemy as sa

from pgward.ca.store import tables
from pgward.ca.store.schema import UtcTime, group_members, users
from pgward.core.errors import ConflictError


def test_every_table_of_the_database_is_known(store):
    with store.read() as connection:
        found = set(sa.inspect(connection).get_table_names())
        assert {table.name for table in tables.of(connection)} == found - {"alembic_version"}


def test_what_others_refer_to_comes_first():
    every = tables.every()
    assert every.index(users) < every.index(group_members)


@pytest.mark.parametrize("change", ["CREATE TABLE orders (id int)", "DROP TABLE crls"])
def test_other_tables_are_told(store, change):
    with store.write() as transaction:
        transaction.execute(sa.text(change))
    with store.read() as connection, pytest.raises(ConflictError, match=r"(orders|crls)$"):
        tables.of(connection)


def test_tables_are_read_as_they_are(store):
    with store.write() as transaction:
        transaction.execute(sa.text("ALTER TABLE crls ADD COLUMN note TEXT"))
    with store.read() as connection:
        found = tables.as_found(connection).tables
    assert "note" in found["crls"].c
    assert isinstance(found["crls"].c.this_update.type, UtcTime)
    assert set(found) == {table.name for table in tables.every()} | {"alembic_version"}
