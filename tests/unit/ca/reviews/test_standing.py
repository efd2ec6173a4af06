"""Whether a right is still there."""

import pytest

from pgward.access.catalog import Thing
from pgward.ca.identity import directory
from pgward.ca.reviews.standing import Standing
from tests.fixtures.catalogs import deliver

MAP = {"hosts": ["db1"], "rules": [{"groups": ["dba"], "users": ["ann"], "roles": ["app"]}]}


@pytest.fixture
def world(aware):
    """Something of every path."""
    aware.put("RoleMap", "team", MAP)
    aware.granted()
    deliver(aware.store, {"": (Thing("role", "", "app", attributes={"login": True}),)})
    return aware


@pytest.fixture
def there(world, campaign):
    """Tell which rights of the review are there."""
    campaign.start(people=True)

    def there():
        with world.store.read() as connection:
            standing = Standing(connection)
            return {each.number for each in campaign.items() if standing.has(each)}

    return there


def paths(campaign, numbers):
    return {each.path for each in campaign.items() if each.number in numbers}


def test_all_of_it_is_there_at_the_beginning(there, campaign):
    assert len(there()) == len(campaign.items())
    assert paths(campaign, there()) == {
        *("allow", "grant", "flow", "break-glass", "role-map", "server-role", "connector"),
        "administrator",
    }


def leave(name, group):
    def leave(world):
        with world.store.write() as transaction:
            directory.change_members(transaction, group, remove=[name])

    return leave


GOES = [
    (leave("sam", "engineers"), {"allow", "flow"}, "sam"),
    (leave("sam", "sre"), {"break-glass"}, "sam"),
    (leave("dora", "dba"), {"role-map"}, "dora"),
    (lambda world: world.flow(services=["other"]), {"flow", "break-glass"}, None),
    (lambda world: world.flow(breakGlass=None), {"break-glass"}, None),
    (lambda world: world.delete("AccessFlow", "oncall"), {"flow", "break-glass"}, None),
    (lambda world: world.put("RoleMap", "team", MAP, hosts=["db2"]), {"role-map"}, None),
    (lambda world: world.put("RoleMap", "team", MAP, rules=[]), {"role-map"}, None),
    (lambda world: world.delete("RoleMap", "team"), {"role-map"}, None),
    (lambda world: deliver(world.store, {"": ()}), {"server-role"}, None),
    (lambda world: world.delete("Service", "shop"), {"allow", "flow", "break-glass"}, None),
]


@pytest.mark.parametrize("case", GOES)
def test_what_goes(there, campaign, world, case):
    change, gone, user = case
    before = there()
    change(world)
    missing = before - there()
    assert paths(campaign, missing) == gone
    if user is not None:
        assert {each.user_name for each in campaign.items() if each.number in missing} == {user}
