from dataclasses import dataclass

import pytest

from pgward.access.rights import ObjectRights
from pgward.access.wanted import Wanted
from pgward.ca.access import ending, wanted_builder
from pgward.ca.accounts import access_roles
from pgward.ca.identity import directory
from pgward.ca.records import Kind
from pgward.core.errors import NotFoundError
from tests.fixtures.access_world import BUNDLE, INTEGRATION, SERVICE, on
from tests.fixtures.ca_service import SEALER


@dataclass
class Of:
    kind: Kind
    name: str


C1 = Of(Kind.CONNECTOR, "c1")


@pytest.fixture
def told(access, clock):
    def told(machine=C1, version=7):
        with access.store.read() as connection:
            return wanted_builder.of_machine(connection, machine, version, clock.now())

    return told


def wanted(told):
    return Wanted.read(told()[0]["wanted"])


def test_a_connector_is_told_how_to_reach_its_servers(told):
    (found,) = told()
    assert found["settings"] == {
        "host": "db1.internal",
        "port": 5432,
        "database": "postgres",
        "user": "pgward_connector",
        "auth": {"password": {"from_secret": "shop-connector"}},
        "ssl_mode": "verify-full",
        "ssl_root_cert": None,
        "server_name": None,
        "discovery": {"every": 3600, "databases": ["*"], "exclude": [], "asked": None},
        "accounts": [],
    }
    assert (found["name"], found["ending"]) == ("shop-db", [])


@pytest.mark.parametrize(
    ("auth", "expected"),
    [({"none": True}, {"none": True}), ({"certificate": {}}, {"certificate": {"minutes": 5}})],
)
def test_how_it_logs_in(access, told, auth, expected):
    access.put("Integration", "shop-db", INTEGRATION, auth=auth)
    assert told()[0]["settings"]["auth"] == expected


def test_nobody_hears_of_another_ones_servers(access, told):
    assert told(Of(Kind.CONNECTOR, "c2")) == told(Of(Kind.EDGE, "c1")) == []
    access.put("Integration", "shop-db", INTEGRATION, connector=None, edge="c1")
    assert [each["name"] for each in told(Of(Kind.EDGE, "c1"))] == ["shop-db"]
    assert told() == []


def test_live_grants_are_wanted_with_their_bundles(access, told):
    one, other = access.granted(), access.granted("sam", asked=on())
    found = wanted(told)
    assert {(each.id, each.person, each.role) for each in found.grants} == {
        (one.id, "ann", "ann"),
        (other.id, "sam", "sam"),
    }
    assert found.version == 7
    assert found.bundles[BUNDLE].objects == {
        ObjectRights("shop", "table", "public", "*", ("SELECT",))
    }
    assert next(each for each in found.grants if each.id == other.id).rights.objects == {
        ObjectRights("shop", "table", "public", "orders", ("SELECT",))
    }


def test_what_is_over_is_not_wanted_before_anybody_has_noticed(access, told, clock):
    access.granted()
    clock.move(hours=1)
    assert wanted(told).grants == ()


def test_nor_what_somebody_has_who_was_blocked_this_moment(access, told, clock):
    access.granted()
    with access.store.write() as transaction:
        directory.block(transaction, "ann", "left", now=clock.now())
    assert wanted(told).grants == ()


def test_nor_what_a_bundle_gave_that_is_gone(access, told):
    access.granted()
    access.delete("RoleBundle", BUNDLE)
    assert wanted(told) == Wanted(7)


def test_what_ends_is_waited_for(access, told, clock):
    grant = access.granted()
    with access.store.write() as transaction:
        ending.end(transaction, grant, "revoked", now=clock.now())
    (found,) = told()
    assert (found["wanted"]["grants"], found["ending"]) == ([], [{"id": grant.id, "role": "ann"}])


def test_the_version_alone_is_no_news(access, told):
    first = wanted_builder.tag_of(told(version=7))
    assert wanted_builder.tag_of(told(version=8)) == first
    access.granted()
    assert wanted_builder.tag_of(told(version=8)) != first


def test_whose_an_integration_is(access):
    with access.store.read() as connection:
        assert wanted_builder.spec_of(connection, C1, "shop-db").host == "db1.internal"
        assert wanted_builder.spec_of(connection, Of(Kind.EDGE, "c1"), "shop-db") is None
        assert wanted_builder.spec_of(connection, C1, "none") is None


PASSWORDS = {
    "mode": "postgres",
    "postgres": {"user": {"fromGrant": True}, "auth": {"password": {"fromGrant": True}}},
}


def test_an_access_role_has_a_password_where_its_service_wants_one(access, told):
    access.granted()
    assert wanted(told).passwords == {}
    access.put("Service", "shop", SERVICE, **PASSWORDS)
    assert wanted(told).passwords == {"ann": 1}


def test_each_grant_brings_another_password_and_the_last_end_forgets_it(access, told, clock):
    access.put("Service", "shop", SERVICE, **PASSWORDS)
    first = access.granted()
    with access.store.write() as transaction:
        access_roles.make(transaction, SEALER, "shop-db", wanted(told).passwords)
    second = access.granted()
    assert wanted(told).passwords == {"ann": 2}
    for number, grant in enumerate((first, second)):
        with access.store.write() as transaction:
            ended = ending.end(transaction, access.grant(grant.id), "revoked", now=clock.now())
            ending.finish(transaction, ended, 0, now=clock.now())
        with access.store.read() as connection:
            assert _is_kept(connection) is (number == 0)
    access.granted()
    assert wanted(told).passwords["ann"] > 2


def _is_kept(connection):
    try:
        access_roles.current(connection, SEALER, "shop-db", "ann")
    except NotFoundError:
        return False
    return True
