"""Taking rights away."""

import pytest
import sqlalchemy as sa

from pgward.access.catalog import Thing
from pgward.ca.identity import directory
from pgward.ca.resources import history
from pgward.ca.store import audit
from pgward.ca.store.schema_login import provider_groups
from pgward.core.errors import ConflictError
from tests.fixtures.access_world import INTEGRATION
from tests.fixtures.catalogs import deliver


def groups(access, user):
    with access.store.read() as connection:
        return directory.get(connection, user).groups


def test_a_grant_is_revoked(access, campaign):
    granted = access.granted()
    campaign.start(paths=("grant",))
    assert campaign.decide("olga", "end", 1, "no more on call").state == "ended"
    ended = access.grant(granted.id)
    assert (ended.state, ended.end_reason, ended.ended_by) == ("ending", "revoked", "olga")


def test_a_resource_is_changed_with_history_and_a_record(aware, campaign):
    campaign.start(paths=("allow",))
    before = campaign.spec("Service", "shop")
    campaign.decide("olga", "end", campaign.number(group_name="engineers"), "nobody uses it")
    assert campaign.spec("Service", "shop") == before | {"allow": {"users": ["Ann"], "groups": []}}
    with aware.store.read() as connection:
        newest = history.of(connection, "Service", "shop", limit=1)[0]
        (event,) = audit.events(connection, action="service.apply")
    assert (newest.changed_by, newest.reason) == ("olga", "review q4: nobody uses it")
    assert newest.spec["allow"] == {"users": ["Ann"], "groups": []}
    assert (event["actor"], event["target"], event["details"]["version"]) == (
        *("olga", "shop"),
        newest.version,
    )


def test_who_may_ask(access, campaign):
    access.flow(who={"users": ["ann"], "groups": ["engineers"]})
    campaign.start(paths=("flow", "break-glass"))
    campaign.decide("olga", "end", campaign.number(user_name="ann"))
    spec = campaign.spec("AccessFlow", "oncall")
    assert spec["who"] == {"users": [], "groups": ["engineers"]}
    last = campaign.decide("olga", "end", campaign.number(group_name="engineers", path="flow"))
    assert (last.state, last.obstacle) == (
        "noted",
        "nobody else may ask by it: delete the flow (pgward delete accessflow oncall)",
    )
    campaign.decide("olga", "end", campaign.number(group_name="sre"))
    assert "breakGlass" not in campaign.spec("AccessFlow", "oncall")


def test_a_flow_for_several_services_is_administrators_to_change(access, campaign):
    access.flow(services=["shop", "pay"], who={"users": ["ann"], "groups": ["engineers"]})
    campaign.start(paths=("flow",))
    number = campaign.number(user_name="ann")
    found = campaign.decide("olga", "end", number)
    assert (found.state, found.obstacle) == (
        "noted",
        "AccessFlow 'oncall' gives it elsewhere, too: an administrator has to end it",
    )
    assert campaign.decide("adam", "end", number).state == "ended"
    assert campaign.spec("AccessFlow", "oncall")["who"]["users"] == []


@pytest.mark.parametrize(
    ("services", "word"),
    [
        ({"services": ["shop", "pay"]}, "take shop out of its services"),
        ({"services": None, "serviceLabels": {"env": "prod"}}, "narrow its serviceLabels"),
    ],
)
def test_the_last_of_a_flow_for_others_too_are_not_ended_everywhere(
    aware, campaign, services, word
):
    aware.flow(**services)
    campaign.start(paths=("flow",))
    number = campaign.number(group_name="engineers", service="shop")
    assert campaign.decide("adam", "end", number).obstacle == (
        f"nobody else may ask by it: {word} (pgward edit accessflow oncall)"
    )


def test_a_role_map_of_several_hosts_is_one_right(access, campaign):
    rule = {"groups": ["dba"], "users": ["ann"], "roles": ["app", "reading"]}
    access.put("RoleMap", "team", {"hosts": ["db1", "db2"], "rules": [rule]})
    campaign.start(paths=("role-map",))
    assert [each.hosts for each in campaign.items()] == [["db1", "db2"]] * 4
    campaign.decide("adam", "end", campaign.number(group_name="dba", role="app"))
    assert campaign.spec("RoleMap", "team")["rules"] == [
        {"users": ["ann"], "groups": [], "roles": ["app", "reading"]},
        {"users": [], "groups": ["dba"], "roles": ["reading"]},
    ]


def test_a_role_map_that_has_more_hosts_by_now_is_administrators_to_change(access, campaign):
    access.put("Integration", "shop-db", INTEGRATION | {"hosts": ["db1"]})
    rules = {"rules": [{"users": ["ann", "sam"], "roles": ["app"]}]}
    access.put("RoleMap", "team", {"hosts": ["db1"], **rules})
    campaign.start(paths=("role-map",))
    assert campaign.decide("olga", "end", campaign.number(user_name="ann")).state == "ended"
    access.put("RoleMap", "team", {"hosts": ["db1", "db2"], **rules})
    number = campaign.number(user_name="sam")
    found = campaign.decide("olga", "end", number)
    assert (found.state, found.obstacle) == (
        "noted",
        "RoleMap 'team' gives it elsewhere, too: an administrator has to end it",
    )
    assert campaign.spec("RoleMap", "team")["rules"][0]["users"] == ["ann", "sam"]
    assert campaign.decide("adam", "end", number).state == "ended"


def test_a_member_leaves_the_group(access, campaign):
    access.add("root", directory.ADMINISTRATORS)
    campaign.start(paths=("administrator",))
    assert [each.user_name for each in campaign.items()] == ["adam", "root"]
    assert campaign.decide("adam", "end", 2).state == "ended"
    assert groups(access, "root") == ()
    with access.store.read() as connection:
        (event,) = audit.events(connection, action="group.members")
    assert event["details"] == {"add": [], "remove": ["root"]}


def test_the_last_administrator_stays(access, campaign):
    campaign.start(paths=("administrator",))
    with access.store.write() as transaction:
        directory.add(
            transaction,
            directory.NewUser("root", groups=[directory.ADMINISTRATORS]),
            now=access.clock.now(),
            by="adam",
        )
        directory.block(transaction, "root", "left", now=access.clock.now())
    with pytest.raises(ConflictError, match="no active administrator would be left"):
        campaign.decide("root", "end", 1)
    assert campaign.items()[0].state == "open"


def test_a_providers_group_is_the_providers(aware, campaign):
    row = {"provider": "corp", "user_name": "sam", "group_name": "engineers"}
    with aware.store.write() as transaction:
        transaction.execute(sa.insert(provider_groups).values(row))
    campaign.start(paths=("allow",), people=True)
    found = campaign.decide("adam", "end", campaign.number(user_name="sam"))
    assert (found.state, found.obstacle) == (
        "noted",
        "corp says that sam is in engineers: take them out there",
    )
    assert groups(aware, "sam") == ("engineers", "sre")


def test_what_is_not_pgwards(access, campaign):
    deliver(access.store, {"": (Thing("role", "", "app", attributes={"login": True}),)})
    campaign.start(paths=("connector", "server-role"))
    found = [campaign.decide("olga", "end", number) for number in (1, 2)]
    assert [(each.state, each.obstacle) for each in found] == [
        ("noted", "the connector needs it for as long as there is the integration shop-db"),
        (
            "noted",
            "app is a login of the server itself: ALTER ROLE … NOLOGIN on the server of shop-db",
        ),
    ]
