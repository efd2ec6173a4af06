"""Who reviews which right."""

import pytest

from pgward.access.people import People, Person
from pgward.ca.reviews.campaigns import Item
from pgward.ca.reviews.reviewers import NOBODY, Reviewers
from tests.fixtures.access_world import INTEGRATION, SERVICE, on


@pytest.fixture
def reviewers(access):
    with access.store.read() as connection:
        yield Reviewers(connection, access.clock.now())


def right(path="allow", kind="Service", name="shop", **more):
    return Item("q4", 1, path, kind, name, **({"service": "shop"} | more))


def names(found):
    return [each.name for each in found]


SHOP = People.of(["olga"], ["team-shop"])


def test_the_integrations_owner_and_the_tags(reviewers):
    assert reviewers.owners(right()) == SHOP
    assert names(reviewers.of(right(user_name="ann"))) == ["olga", "tess"]
    connector = right("connector", "Integration", "shop-db", service=None, integration="shop-db")
    assert reviewers.owners(connector) == SHOP


def test_owners_of_what_a_grant_gives(access):
    plain, billing = access.granted(), access.granted("sam", asked=on(schema="billing"))
    with access.store.read() as connection:
        reviewers = Reviewers(connection, access.clock.now())
        flow = {"path": "grant", "kind": "AccessFlow", "name": "oncall"}
        assert reviewers.owners(right(**flow, reference=plain.id)) == SHOP
        billed = right(**flow, reference=billing.id)
        assert reviewers.owners(billed) == SHOP | People.of(["bea"])
        assert reviewers.owners(right(**flow, reference="none")) == SHOP


@pytest.mark.parametrize(
    ("labels", "owners"),
    [
        ({}, NOBODY),
        ({"owner": "team-shop"}, People.of(groups=["team-shop"])),
        ({"owner": "bea"}, People.of(["bea"])),
    ],
)
def test_a_service_without_an_integration(access, labels, owners):
    access.put("Service", "shop", SERVICE | {"labels": labels, "integration": None})
    with access.store.read() as connection:
        reviewers = Reviewers(connection, access.clock.now())
        assert reviewers.owners(right()) == owners
        if not owners:
            assert names(reviewers.of(right())) == ["adam"]


@pytest.mark.parametrize(
    ("hosts", "owners"), [(["db1"], SHOP), (["db2"], NOBODY), (["db1", "db2"], NOBODY)]
)
def test_a_role_map(access, hosts, owners):
    access.put("Integration", "shop-db", INTEGRATION | {"hosts": ["db1"]})
    with access.store.read() as connection:
        reviewers = Reviewers(connection, access.clock.now())
        mapped = right("role-map", "RoleMap", "team", service=None, hosts=hosts)
        assert reviewers.owners(mapped) == owners
        assert reviewers.is_shared(mapped) is (len(hosts) > 1)


def test_a_host_of_two_servers_is_administrators(access):
    for name in ("shop-db", "pay-db"):
        access.put("Integration", name, INTEGRATION | {"hosts": ["db1"]})
    with access.store.read() as connection:
        mapped = right("role-map", "RoleMap", "team", service=None, hosts=["db1"])
        assert Reviewers(connection, access.clock.now()).owners(mapped) == NOBODY


def test_what_is_gone_is_administrators(reviewers):
    assert reviewers.owners(right(service="gone")) == NOBODY
    gone = right("connector", "Integration", "gone", service=None, integration="gone")
    assert names(reviewers.of(gone)) == ["adam"]


def test_administrators_review_each_other(reviewers):
    item = right("administrator", "Group", "administrators", service=None, user_name="adam")
    assert reviewers.owners(item) == NOBODY
    assert reviewers.of(item) == []


def test_nobody_reviews_their_own(reviewers):
    olga, adam = Person("olga", frozenset({"engineers"})), Person("adam")
    assert reviewers.may(olga, right(user_name="ann"), is_admin=False)
    assert not reviewers.may(olga, right(user_name="OLGA"), is_admin=True)
    assert not reviewers.may(olga, right(group_name="engineers"), is_admin=True)
    assert reviewers.may(adam, right(group_name="engineers"), is_admin=True)
    assert not reviewers.may(adam, right(group_name="engineers"), is_admin=False)
    assert names(reviewers.of(right(group_name="team-shop"))) == ["olga"]


def test_a_flow_for_several_services_is_shared(access):
    asks = right("flow", "AccessFlow", "oncall")
    for services, shared in ((["shop"], False), (["shop", "pay"], True)):
        access.flow(services=services)
        with access.store.read() as connection:
            assert Reviewers(connection, access.clock.now()).is_shared(asks) is shared
