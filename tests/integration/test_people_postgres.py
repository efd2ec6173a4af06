"""People are found the same on PostgreSQL, where text and time compare by other rules."""

from datetime import timedelta

import pytest

from pgward.ca import store as stores
from pgward.ca.identity import devices, directory, invitations, people
from pgward.ca.identity.directory import NewUser
from pgward.ca.identity.people import Standing, Wanted
from tests.fixtures.authority import START

DAY = timedelta(days=1)


@pytest.fixture
def connection(database_url):
    store = stores.create(database_url)
    with store.write() as transaction:
        for new in (
            NewUser("ann", "Ann 100%", "ann@example.com", groups=["administrators", "web"]),
            NewUser("Bob", groups=["web"]),
            NewUser("cara", valid_until=START),
            NewUser("eve"),
        ):
            directory.add(transaction, new, now=START, by="root")
        directory.block(transaction, "eve", "left", now=START)
        invitations.create(transaction, "Bob", lifetime=DAY, now=START, by="ann")
        for user, key in (("ann", "k1"), ("ann", "k2"), ("Bob", "k3")):
            devices.see(transaction, user, key, name="x_y", client=None, now=START)
        yield transaction.connection
    store.close()


def test_people_and_devices_are_found(connection):
    def found(**wanted):
        page = people.page(connection, Wanted(**wanted), START, limit=2)
        return people.count(connection, Wanted(**wanted), START), [
            each.user.name for each in page.people
        ]

    assert found() == (4, ["ann", "Bob"])
    assert found(text="0%") == (1, ["ann"])
    assert found(text="BO") == (1, ["Bob"])
    assert found(group="web", text="example") == (1, ["ann"])
    expected = {
        Standing.ACTIVE: ["ann", "Bob"],
        Standing.BLOCKED: ["eve"],
        Standing.OUTSIDE: ["cara"],
        Standing.INVITED: ["Bob"],
    }
    assert {each: found(standing=each)[1] for each in expected} == expected
    assert found(standing=Standing.NO_FACTOR)[0] == 4
    last = people.page(connection, Wanted(), START, limit=3, after="bob")
    assert [each.user.name for each in last.people] == ["cara", "eve"]
    (ann, _) = people.page(connection, Wanted(), START, limit=2).people
    assert ann.last_seen_at == START
    asked = {"text": "_", "state": "approved", "now": START, "limit": 2}
    first, after = devices.page(connection, **asked)
    rest, end = devices.page(connection, **asked, after=after)
    assert (len(first), len(rest), end) == (2, 1, None)
    assert {each.thumbprint for each in first + rest} == {"k1", "k2", "k3"}
    assert devices.page(connection, text="", state="waiting", now=START, limit=2) == ([], None)
