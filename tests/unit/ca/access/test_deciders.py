from pgward.access.people import People, Person
from pgward.ca.access import deciders, declared
from pgward.ca.identity import directory
from tests.fixtures.access_world import on


def test_those_are_told_who_may_decide_now(access, clock):
    access.flow(approvals=[{"groups": ["dba"], "integrationOwner": True}])
    with access.store.write() as transaction:
        directory.block(transaction, "dora", "left", now=clock.now())
    with access.store.read() as connection:
        flow, aim = declared.flow(connection, "oncall"), declared.target(connection, "shop")
        who = deciders.of(connection, flow, aim, "olga", on())
        assert [each.name for each in who.people(connection, clock.now())] == ["dirk"]
        assert who.may(Person("dora", frozenset({"dba"})))


def test_who_is_blocked_or_over_is_nobody(access, clock):
    with access.store.write() as transaction:
        directory.block(transaction, "dora", "left", now=clock.now())
        tess = directory.get(transaction.connection, "tess")
        dates = {"valid_until": clock.now()}
        directory.set_validity(transaction, tess, dates, now=clock.now())
    with access.store.read() as connection:
        found = [
            deciders.person(connection, name, clock.now())
            for name in ("dora", "tess", "nobody", "DIRK")
        ]
    assert found == [None, None, None, Person("dirk", frozenset({"dba", "engineers"}))]


def test_members_come_once_with_the_groups_that_count(access, clock):
    several = [People.of(["Dirk", "olga"]), People.of(groups=["dba"])]
    with access.store.read() as connection:
        found = deciders.members(connection, several, clock.now())
    assert found == [
        Person("dirk", frozenset({"dba"})),
        Person("dora", frozenset({"dba"})),
        Person("olga"),
    ]
