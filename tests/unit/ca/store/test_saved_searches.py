from dataclasses import replace

import pytest

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.store import saved_searches
from pgward.ca.store.saved_searches import Search
from pgward.core.errors import ConflictError, NotFoundError
from tests.fixtures.authority import START

FAILED = Search("failed logins", "events", "action=session.start", START)


@pytest.fixture(autouse=True)
def _people(store):
    with store.write() as transaction:
        for name, groups in (("ann", ()), ("bob", ("administrators",))):
            directory.add(transaction, NewUser(name, groups=groups), now=START, by="adam")


def save(store, *searches, user="ann"):
    with store.write() as transaction:
        for each in searches:
            saved_searches.save(transaction, user, each)


def every(store, user="ann"):
    with store.read() as connection:
        return saved_searches.every(connection, user)


def test_searches_are_each_persons_own(store):
    other = replace(FAILED, name="drops", page="statements")
    save(store, FAILED, other)
    assert (every(store), every(store, "bob")) == ([other, FAILED], [])


def test_a_search_is_replaced_by_one_of_its_name(store):
    new = replace(FAILED, query="action=user.*")
    save(store, FAILED, new)
    assert every(store) == [new]


def test_a_search_is_forgotten_by_who_keeps_it(store):
    save(store, FAILED)
    with store.write() as transaction:
        with pytest.raises(NotFoundError, match="you keep no search 'failed logins'"):
            saved_searches.forget(transaction, "bob", FAILED.name)
        saved_searches.forget(transaction, "ann", FAILED.name)
    assert every(store) == []


def test_nobody_keeps_too_many(store, monkeypatch):
    monkeypatch.setattr(saved_searches, "MOST", 1)
    save(store, FAILED, FAILED)
    with pytest.raises(ConflictError, match="you keep 1 searches already"):
        save(store, replace(FAILED, name="another"))


def test_they_go_with_their_person(store):
    save(store, FAILED)
    with store.write() as transaction:
        directory.remove(transaction, "ann")
    assert every(store) == []
