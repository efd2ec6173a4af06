from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca import snapshot_grants as module
from pgward.ca.snapshot_grants import GrantBook
from pgward.ca.store.schema_access import access_grants
from pgward.tunnel.edge.grants import Granted, Grants

HOUR = timedelta(hours=1)


@pytest.fixture
def book():
    return GrantBook()


@pytest.fixture
def read(store, clock, book):
    def once():
        with store.read() as connection:
            return book.read(connection, clock.now())

    return once


def change(store, number, **values):
    with store.write() as transaction:
        wanted = sa.update(access_grants).where(access_grants.c.id == f"g{number}")
        transaction.execute(wanted.values(values))
        transaction.changed()


def test_an_edge_reads_what_is_packed(grant, read, clock):
    grant(1, role=None, integration=None, names=[])
    grant(2, names=["writing"], ends_at=clock.now() + 2 * HOUR)
    grant(3, user_name="Bob", service="wiki", role="b_1")
    found = read()
    assert {name: each.people for name, each in found.items()} == {"shop": {"ann"}, "wiki": {"Bob"}}
    shop, wiki = (Grants.read(found[name].text) for name in ("shop", "wiki"))
    now = clock.now()
    assert shop.of("ann", now) == Granted("ann", ("writing",), now + 2 * HOUR, now + HOUR)
    assert wiki.of("Bob", now) == Granted("b_1", ("reading",), now + HOUR, now + HOUR)


def test_only_what_changed_is_packed_again(grant, read, store):
    grant(1)
    grant(2, service="wiki")
    before = read()
    again = read()
    assert all(again[name] is before[name] for name in before)
    change(store, 1, state="ending")
    after = read()
    assert (set(after), after["wiki"] is before["wiki"]) == ({"wiki"}, True)
    grant(3)
    assert read()["shop"].people == {"ann"}


def test_what_is_over_is_left_out_when_its_service_is_read(grant, read, clock):
    grant(1)
    clock.move(hours=2)
    assert read() == {}


def test_many_services_are_read_in_turns(grant, read, monkeypatch):
    monkeypatch.setattr(module, "_MOST_NAMED", 2)
    read()
    for number in range(5):
        grant(number, service=f"s{number}")
    assert set(read()) == {f"s{number}" for number in range(5)}


def test_a_store_that_is_older_is_read_whole(grant, read, book):
    grant(1)
    read()
    book._read_at += 1000
    book._packed = {}
    assert set(read()) == {"shop"}
