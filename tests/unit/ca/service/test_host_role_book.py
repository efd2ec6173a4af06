from datetime import timedelta

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.resources import kinds, stored
from pgward.ca.service.host_role_book import HostRoleBook
from pgward.core.clock import rfc3339
from tests.fixtures.live_grants import give


def test_it_is_worked_out_once_a_version(store, clock):
    book = HostRoleBook(store, clock.now)
    first = book.get("db1")
    assert book.get("db1") is first
    with store.write() as transaction:
        transaction.changed()
    second = book.get("db1")
    assert (second is first, second["version"] > first["version"]) == (False, True)


def test_it_is_worked_out_again_after_a_while(store, clock):
    book = HostRoleBook(store, clock.now)
    first = book.get("db1")
    clock.moment += timedelta(seconds=31)
    assert book.get("db1") is not first


def test_grants_are_in_it(store, clock):
    spec = {"connector": "c1", "host": "db", "user": "u", "auth": {"none": True}, "hosts": ["db1"]}
    body = {"kind": "Integration", "metadata": {"name": "shop-db"}, "spec": spec}
    with store.write() as transaction:
        now = clock.now()
        stored.put(transaction, kinds.read("Integration", body), now=now, by="root")
        directory.add(transaction, NewUser("ann"), now=now, by="root")
    give(store, clock.now(), role="a_1")
    (person,) = HostRoleBook(store, clock.now).get("db1")["people"]
    end = rfc3339(clock.now() + timedelta(hours=1))
    assert person["roles"] == [{"role": "a_1", "superuser": False, "until": end}]
