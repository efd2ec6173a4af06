from datetime import timedelta

from pgward.ca.service.host_role_book import HostRoleBook


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
