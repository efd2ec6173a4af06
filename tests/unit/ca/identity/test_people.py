from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.identity import devices, directory, invitations, people, second_factors
from pgward.ca.identity.directory import NewUser
from pgward.ca.identity.people import Standing, Wanted
from pgward.ca.store.schema import users
from tests.fixtures.authority import START

DAY = timedelta(days=1)


@pytest.fixture
def connection(store):
    with store.write() as transaction:
        for new in (
            NewUser("ann", "Ann Arbor", "ann@example.com", groups=["web"]),
            NewUser("Bob", "100% Bob", "bob@example.org", groups=["web", "dba"]),
            NewUser("cara", valid_until=START),
            NewUser("dan", valid_from=START + DAY),
            NewUser("eve", valid_from=START, valid_until=START + DAY),
        ):
            directory.add(transaction, new, now=START, by="root")
        left = sa.update(users).where(users.c.name == "eve").values(blocked_at=START)
        transaction.execute(left)
        second_factors.add_totp(transaction, "ann", b"x", step=1, now=START)
        invitations.create(transaction, "Bob", lifetime=DAY, now=START, by="root")
        for minutes, key in ((0, "a"), (5, "b")):
            now = START + timedelta(minutes=minutes)
            devices.see(transaction, "ann", key, name="x", client=None, now=now)
        yield transaction.connection


def found(connection, now=START, **wanted):
    names = [
        each.user.name for each in people.page(connection, Wanted(**wanted), now, limit=10).people
    ]
    assert people.count(connection, Wanted(**wanted), now) == len(names)
    return names


def test_somebody_is_shown_with_how_they_sign_in(connection):
    ann, bob, *_ = people.page(connection, Wanted(), START, limit=10).people
    assert ann.user == directory.get(connection, "ann")
    assert (ann.factors, ann.last_seen_at) == (("totp",), START + timedelta(minutes=5))
    assert (bob.factors, bob.last_seen_at, bob.invited_until) == ((), None, START + DAY)
    assert bob.user.groups == ("dba", "web")


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["ann", "Bob", "cara", "dan", "eve"]),
        ({"text": "EXAMPLE.org"}, ["Bob"]),
        ({"text": "arbor"}, ["ann"]),
        ({"text": "0%"}, ["Bob"]),
        ({"text": "%"}, ["Bob"]),
        ({"text": "_"}, []),
        ({"group": "web"}, ["ann", "Bob"]),
        ({"group": "web", "text": "ann"}, ["ann"]),
        ({"group": "none"}, []),
        ({"standing": Standing.ACTIVE}, ["ann", "Bob"]),
        ({"standing": Standing.BLOCKED}, ["eve"]),
        ({"standing": Standing.OUTSIDE}, ["cara", "dan"]),
        ({"standing": Standing.NO_FACTOR}, ["Bob", "cara", "dan", "eve"]),
        ({"standing": Standing.INVITED}, ["Bob"]),
    ],
)
def test_people_are_found(connection, wanted, names):
    assert found(connection, **wanted) == names


def test_an_invitation_that_expired_is_none(connection):
    assert found(connection, START + DAY, standing=Standing.INVITED) == []


def test_a_long_list_has_pages(connection):
    pages, after = [], None
    while True:
        page = people.page(connection, Wanted(), START, limit=2, after=after)
        pages.append([each.user.name for each in page.people])
        after = page.after
        if after is None:
            break
    assert pages == [["ann", "Bob"], ["cara", "dan"], ["eve"]]


def test_groups_are_counted(connection):
    assert people.group_sizes(connection) == {"dba": 1, "web": 2}
