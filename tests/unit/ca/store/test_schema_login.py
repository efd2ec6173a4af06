import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
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
