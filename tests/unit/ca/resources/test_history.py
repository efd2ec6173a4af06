from datetime import timedelta

import pytest

from pgward.ca.resources import history, kinds
from pgward.ca.resources import stored as resources
from pgward.ca.resources.history import Version
from pgward.core.errors import ConflictError, NotFoundError
from tests.fixtures.authority import START
from tests.fixtures.ca_service import service


@pytest.fixture
def writing(store):
    with store.write() as transaction:
        yield transaction


def put(writing, *, by="root", reason="", minutes=0, **spec):
    at = START + timedelta(minutes=minutes)
    wanted = kinds.read("Service", service(**spec))
    return resources.put(writing, wanted, now=at, by=by, reason=reason)[0]


def delete(writing, **more):
    resources.delete(writing, "Service", "orders", now=START, by="root", **more)


def versions(writing, **more):
    found = history.of(writing.connection, "Service", "orders", limit=10, **more)
    return [(each.version, each.change) for each in found]


def test_every_change_is_a_version_with_who_when_and_why(writing):
    first = put(writing, reason="the shop opens")
    second = put(writing, by="ann", reason="TICKET-7", minutes=3, database="x")
    put(writing, by="bob", reason="nothing changes", database="x")
    later = START + timedelta(minutes=3)
    assert history.of(writing.connection, "Service", "orders", limit=10) == [
        Version("Service", "orders", 2, "updated", "", second.spec, later, "ann", "TICKET-7"),
        Version("Service", "orders", 1, "created", "", first.spec, START, "root", "the shop opens"),
    ]


def test_a_deletion_is_a_version_and_what_comes_back_goes_on_behind_it(writing):
    put(writing)
    delete(writing, reason="gone")
    assert put(writing).version == 3
    assert versions(writing) == [(3, "created"), (2, "deleted"), (1, "created")]
    assert history.get(writing.connection, "Service", "orders", 2).spec is None


def test_they_are_read_page_by_page(writing):
    for number in range(5):
        put(writing, database=f"d{number}")
    assert versions(writing, before=3) == [(2, "updated"), (1, "created")]


def test_what_was_before_is_found_of_what_is_there_and_of_what_was_deleted(writing):
    with pytest.raises(NotFoundError, match="and never was"):
        history.before_last(writing.connection, "Service", "orders")
    put(writing)
    with pytest.raises(NotFoundError, match="nothing before version 1"):
        history.before_last(writing.connection, "Service", "orders")
    put(writing, database="x")
    assert history.before_last(writing.connection, "Service", "orders").version == 1
    delete(writing)
    assert history.before_last(writing.connection, "Service", "orders").version == 2


def test_a_version_can_be_applied_again_unless_it_is_a_deletion(writing):
    put(writing, database="x")
    body = history.get(writing.connection, "Service", "orders", 1).body()
    assert kinds.read("Service", body).spec.database == "x"
    delete(writing)
    with pytest.raises(ConflictError, match="version 2 of Service 'orders' is its deletion"):
        history.get(writing.connection, "Service", "orders", 2).body()
    with pytest.raises(NotFoundError, match="there is no version 9"):
        history.get(writing.connection, "Service", "orders", 9)
