"""Since when rights are there, and when they were used."""

from datetime import timedelta

import pytest

from pgward.ca.records import Kind
from pgward.ca.reviews.rights import Rights, Wanted
from pgward.ca.reviews.uses import Uses


@pytest.fixture
def uses(access):
    """Return (since, last used) of each right of a path, by its user or group."""

    def uses(path, **wanted):
        with access.store.read() as connection:
            rights = Rights(connection, Wanted(path=path, **wanted), access.clock.now())
            found = Uses(connection, rights)
            return {
                each.user or each.group: (found.since(each), found.last(each))
                for each in rights.after(None)
            }

    return uses


def test_a_session_is_a_use_by_the_person_and_by_the_group(aware, used, uses):
    start = aware.clock.now()
    aware.clock.move(days=1)
    used("sam")
    assert uses("allow") == {"ann": (start, None), "engineers": (start, aware.clock.now())}
    assert uses("allow", user="sam") == {"sam": (start, aware.clock.now())}


def test_since_is_when_the_name_came_in_for_good(aware, uses):
    spec = {"upstream": {"host": "db1.internal"}, "integration": "shop-db"}
    start = aware.clock.now()
    for users in ([], ["ann"], ["ann", "sam"]):
        aware.clock.move(days=1)
        aware.put("Service", "shop", {**spec, "allow": {"users": users, "groups": ["engineers"]}})
    day = timedelta(days=1)
    assert uses("allow") == {
        "ann": (start + 2 * day, None),
        "sam": (start + 3 * day, None),
        "engineers": (start, None),
    }


def test_what_one_asked_for_is_the_use_of_a_flow(access, uses):
    start = access.clock.now()
    access.clock.move(hours=1)
    access.ask()
    asked = access.clock.now()
    assert uses("flow") == {"engineers": (start, asked)}
    assert uses("flow", people=True)["dirk"] == (start, None)
    assert uses("break-glass") == {"sre": (start, None)}


def test_breaking_the_glass_is_a_use_of_that_alone(access, uses):
    access.flow(breakGlass={"who": {"groups": ["engineers", "sre"]}, "maxDuration": "1h"})
    start = access.clock.now()
    access.ask()
    access.clock.move(hours=1)
    access.ask("sam", break_glass=True)
    assert uses("flow", user="sam")["sam"][1] is None
    assert uses("flow")["engineers"][1] == start
    assert uses("break-glass", user="ann")["ann"][1] is None
    assert uses("break-glass", user="sam")["sam"][1] == access.clock.now()


def test_a_grant_is_used_only_since_it_is_there(access, used, uses):
    used("ann")
    access.clock.move(hours=1)
    access.granted()
    assert uses("grant") == {"ann": (access.clock.now(), None)}
    access.clock.move(minutes=5)
    used("ann", id="later")
    assert uses("grant")["ann"][1] == access.clock.now()


@pytest.mark.usefixtures("access")
def test_nothing_tells_of_others(uses):
    assert uses("administrator") == {"administrators": (None, None)}


def test_logins_on_a_host_are_uses_of_its_role_maps(access, came, uses):
    rule = {"groups": ["dba"], "users": ["ann"], "roles": ["app"]}
    access.put("RoleMap", "team", {"hosts": ["db1", "db2"], "rules": [rule]})
    came("dora", "db1/shop", Kind.HOST, serial="01")
    now = access.clock.now()
    assert uses("role-map", user="ann") == {"ann": (None, None)}
    with access.store.read() as connection:
        rights = Rights(connection, Wanted(path="role-map"), now)
        found = Uses(connection, rights)
        last = {(each.host, each.group): found.last(each) for each in rights.after(None)}
    assert last[("db1", "dba")] == now
    assert last[("db2", "dba")] is None


def test_the_newest_of_all_that_tell_of_a_service(aware, used, came, uses):
    came("ann", "shop")
    aware.clock.move(minutes=5)
    used("ann")
    assert uses("allow")["ann"][1] == aware.clock.now()
    aware.clock.move(minutes=5)
    came("ann", "shop")
    assert uses("allow")["ann"][1] == aware.clock.now()
