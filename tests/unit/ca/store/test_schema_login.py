import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.store import tables
from pgward.ca.store.schema import users
from pgward.ca.store.schema_login import devices
from tests.fixtures.authority import START

ROW = {
    "user_name": "alice",
    "thumbprint": "t",
    "name": "laptop",
    "state": "approved",
    "created_at": START,
    "last_seen_at": START,
}


def test_a_device_is_a_persons_once_and_goes_with_the_person(store):
    with store.write() as transaction:
        for name in ("root", "alice"):
            new = NewUser(name, groups=["administrators"])
            directory.add(transaction, new, now=START, by="test")
        transaction.execute(sa.insert(devices).values(id="1", **ROW))
    with pytest.raises(IntegrityError), store.write() as transaction:
        transaction.execute(sa.insert(devices).values(id="2", **ROW))
    with store.write() as transaction:
        directory.remove(transaction, "alice")
        assert transaction.execute(sa.select(devices)).all() == []


def test_whatever_goes_with_a_person_is_found_by_an_index_when_they_are_removed():
    owned = [
        (table, column)
        for table in tables.every()
        for column in table.columns
        for key in column.foreign_keys
        if key.column is users.c.name
    ]
    assert len(owned) > 8
    assert [table.name for table, column in owned if column not in _leading(table)] == []


def _leading(table):
    """Return the columns by which rows of a table are found."""
    unique = (each for each in table.constraints if isinstance(each, sa.UniqueConstraint))
    return [next(iter(each.columns)) for each in (table.primary_key, *unique, *table.indexes)]
