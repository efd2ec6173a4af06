"""The grants that edges hear of, out of a store in PostgreSQL, with a replica that changes them."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.resources import host_grants
from pgward.ca.snapshot_grants import GrantBook
from pgward.ca.store import opening
from pgward.ca.store.schema_access import access_grants
from tests.fixtures.authority import START
from tests.fixtures.live_grants import give, row

pytestmark = pytest.mark.integration


def test_what_another_replica_changes_is_found(database_url):
    ours = opening.create(database_url)
    theirs = opening.open_store(database_url)
    book = GrantBook()

    def read():
        with ours.read() as connection:
            return book.read(connection, START)

    try:
        with theirs.write() as transaction:
            rows = [row(number, START, service=f"s{number % 3}") for number in range(30)]
            transaction.execute(sa.insert(access_grants), rows)
            transaction.changed()
        first = read()
        assert set(first) == {"s0", "s1", "s2"}
        give(theirs, START, 30, user_name="bob", service="s1")
        second = read()
        changed = {name for name in first if second[name] is not first[name]}
        assert (changed, second["s1"].people) == ({"s1"}, {"ann", "bob"})
        with theirs.write() as transaction:
            ending = sa.update(access_grants).where(access_grants.c.service == "s2")
            transaction.execute(ending.values(state="ending"))
            transaction.changed()
        assert set(read()) == {"s0", "s1"}
        with ours.read() as connection:
            later = START + timedelta(minutes=1)
            assert host_grants.of_host(connection, "h1", later).pairs == {}
            assert host_grants.GrantNews().read(connection) == {}
    finally:
        theirs.close()
        ours.close()
