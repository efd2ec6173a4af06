from datetime import timedelta

import pytest

from pgward.ca.acme import identifiers, orders, states
from pgward.ca.acme.orders import NewOrder
from tests.fixtures.authority import START

NAMES = (identifiers.dns("a.test"), identifiers.ip("192.0.2.1"))
NEW = NewOrder("acc", NAMES, "x.y", False, None)


@pytest.fixture
def made(store):
    with store.write() as transaction:
        return orders.create(transaction, NEW, START)


def test_an_order_has_an_authorization_for_each_name(store, made):
    assert (made.status, made.identifiers, made.replaces) == (states.Order.PENDING, NAMES, "x.y")
    assert made.expires_at == START + orders.LIFETIME
    with store.read() as connection:
        found = [orders.find_authorization(connection, each) for each in made.authorization_ids]
        assert {each.identifier for each in found} == set(NAMES)
        challenges = orders.challenges(connection, found[0].id)
        assert [each.type for each in challenges] == ["http-01", "tls-alpn-01"]
        assert orders.find_challenge(connection, challenges[0].id) == challenges[0]
    assert len({each.token for each in challenges}) == 2
    assert all(len(each.token) == 43 for each in challenges)


def test_what_is_trusted_beforehand_is_ready(store):
    with store.write() as transaction:
        made = orders.create(transaction, NewOrder("acc", NAMES, None, True, None), START)
    with store.read() as connection:
        found = orders.authorizations(connection, made.id)
        assert [each.status for each in found] == [states.Authorization.VALID] * 2
        assert orders.challenges(connection, found[0].id) == []
    assert made.status is states.Order.READY


def test_what_is_not_there_is_none(store):
    with store.read() as connection:
        assert orders.find(connection, "x") is None
        assert orders.find_authorization(connection, "x") is None
        assert orders.find_challenge(connection, "x") is None


def test_a_replaced_certificate_is_known(store, made):
    with store.read() as connection:
        assert orders.replacing(connection, made.replaces)
        assert not orders.replacing(connection, "other")


def test_orders_are_counted_and_listed_by_account(store, made):
    with store.read() as connection:
        assert orders.count_new(connection, "acc", START) == 1
        assert orders.count_new(connection, "acc", START + timedelta(seconds=1)) == 0
        assert orders.count_failed(connection, "acc", START) == 0
        assert orders.list_ids(connection, "acc", None) == ([made.id], None)
        assert orders.list_ids(connection, "other", None) == ([], None)


def test_a_long_list_comes_in_pages(store, monkeypatch):
    monkeypatch.setattr(orders, "_PAGE", 2)
    with store.write() as transaction:
        ids = sorted(orders.create(transaction, NEW, START).id for _ in range(5))
    pages, after = [], None
    with store.read() as connection:
        for _ in range(3):
            page, after = orders.list_ids(connection, "acc", after)
            pages.append(page)
    assert (pages, after) == ([ids[:2], ids[2:4], ids[4:]], None)
