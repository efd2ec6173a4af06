"""When people last came in."""

from datetime import timedelta

import pytest

from pgward.ca.identity import directory
from pgward.ca.records import Kind
from pgward.ca.reviews import last_uses
from tests.fixtures.access_world import SERVICE


@pytest.fixture
def at(access):
    def at(kind, place, user=None):
        with access.store.read() as connection:
            return last_uses.at(connection, kind, place, user)

    return at


def test_edges_tell_of_services(access, came, at):
    start = access.clock.now()
    assert came("ann", "shop") == 1
    access.clock.move(minutes=5)
    came("sam", "shop")
    assert at("service", "shop") == {"ann": start, "sam": access.clock.now()}
    assert at("service", "shop", "ann") == {"ann": start}
    came("ann", "shop")
    assert at("service", "shop")["ann"] == access.clock.now()
    assert at("host", "shop") == {}


def test_hosts_tell_of_names_that_were_proved(access, came, at):
    assert came("ann", "db1/shop", Kind.HOST, serial="01") == 1
    assert came("dora", "db1/shop", Kind.HOST, identity="CN=dora") == 1
    for details in (
        {"role": "sam"},
        {"identity": "CN=sam", "forgeable": True},
        {"serial": "01", "doubtful": True},
    ):
        assert came("sam", "db1/shop", Kind.HOST, **details) == 0
    assert at("host", "db1") == dict.fromkeys(("ann", "dora"), access.clock.now())


def test_what_is_no_use(access, came, at):
    assert came("eve", "shop") == 0
    assert came("ann", "shop", outcome="denied") == 0
    assert came("ann", "s" * 64) == 0
    assert came("a" * 200, "shop") == 0
    came("ann", "shop", when=access.clock.now() + timedelta(days=900))
    assert at("service", "shop") == {"ann": access.clock.now()}


def test_an_edge_tells_only_of_services_that_are_on_it(access, came, at):
    access.put("Service", "shop", SERVICE | {"edges": ["e2"]})
    assert (came("ann", "shop"), came("ann", "nowhere")) == (0, 0)
    assert at("service", "shop") == at("service", "nowhere") == {}
    access.put("Service", "shop", SERVICE | {"edges": ["e1", "e2"]})
    assert came("ann", "shop") == 1


def test_not_every_use_is_written(access, came, at):
    start = access.clock.now()
    came("ann", "shop")
    access.clock.move(seconds=59)
    assert came("ann", "shop") == 0
    assert came("ann", "shop", when=start - timedelta(days=1)) == 0
    access.clock.move(seconds=1)
    assert came("ann", "shop") == 1
    assert at("service", "shop") == {"ann": access.clock.now()}


def test_they_go_with_the_person(access, came, at):
    came("bea", "shop")
    with access.store.write() as transaction:
        directory.remove(transaction, "bea")
    assert at("service", "shop") == {}
