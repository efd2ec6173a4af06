"""The rights of the report: where they come from, and in which order."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.access.catalog import Thing
from pgward.access.marks import Mark
from pgward.ca.access import requests
from pgward.ca.reviews.rights import Rights, Wanted
from pgward.ca.store.schema_catalog import catalog_scans
from tests.fixtures.catalogs import deliver

MANAGED = {"roles": {"manage": True}}


@pytest.fixture
def rights(access):
    """Return the rights as (path, group, user, what, role)."""

    def rights(after=None, **wanted):
        with access.store.read() as connection:
            found = list(Rights(connection, Wanted(**wanted), access.clock.now()).after(after))
        what = [each.service or each.host or each.integration for each in found]
        return [
            (each.path, each.group, each.user, name, each.role)
            for each, name in zip(found, what, strict=True)
        ]

    return rights


def test_everything_by_service_then_map_then_server(aware, rights):
    aware.put(
        "RoleMap",
        "team",
        {"hosts": ["db1"], "rules": [{"groups": ["dba"], "roles": ["app", "{user}"]}]},
    )
    assert rights() == [
        ("allow", None, "ann", "shop", None),
        ("allow", "engineers", None, "shop", None),
        ("break-glass", "sre", None, "shop", None),
        ("flow", "engineers", None, "shop", None),
        ("role-map", "dba", None, "db1", "app"),
        ("role-map", "dba", None, "db1", "{user}"),
        ("connector", None, None, "shop-db", "pgward_connector"),
        ("administrator", "administrators", None, None, None),
    ]


def test_groups_spelt_out(access, rights):
    access.put("RoleMap", "team", {"hosts": ["db1"], "rules": [{"groups": ["dba"]}]} | MANAGED)
    assert rights(people=True, group="dba") == [
        ("role-map", "dba", "dirk", "db1", "dirk"),
        ("role-map", "dba", "dora", "db1", "dora"),
    ]


def test_what_one_person_reaches_whatever_the_case(aware, rights):
    aware.granted("sam")
    assert rights(user="SAM") == [
        ("allow", "engineers", "sam", "shop", None),
        ("break-glass", "sre", "sam", "shop", None),
        ("flow", "engineers", "sam", "shop", None),
        ("grant", None, "sam", "shop", "sam"),
    ]
    assert rights(user="adam") == [
        ("administrator", "administrators", "adam", None, None),
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"path": "flow"}, ["flow"]),
        ({"path": "connector"}, ["connector"]),
        ({"path": "grant"}, ["grant"]),
        ({"service": "shop"}, ["break-glass", "flow", "grant"]),
        ({"service": "other"}, []),
    ],
)
def test_only_some(access, rights, wanted, found):
    access.granted()
    assert [each[0] for each in rights(**wanted)] == found


def test_a_grant_that_is_over_is_no_right(access, rights):
    access.granted()
    assert len(rights(path="grant")) == 1
    assert rights(path="grant", user="dora") == []


def login(name, comment=""):
    return Thing("role", "", name, attributes={"login": True}, comment=comment)


def test_logins_of_the_server_itself(access, rights):
    roles = (login("app"), login("pgward_connector"), Thing("role", "", "readers"))
    deliver(access.store, {"": roles})
    assert rights(path="server-role") == [("server-role", None, None, "shop-db", "app")]


FORGED = "it bears pgward's mark, and no live grant explains it"


def test_a_forged_mark_hides_no_login(access):
    granted = access.granted()
    roles = (
        login(granted.role, Mark("shop-db", "access", "ann").text()),
        login("another", Mark("shop-db", "access", "ann").text()),
        login("elsewhere", Mark("pay-db", "access", "ann").text()),
        login("gone", Mark("shop-db", "access", "eve").text()),
        login("pgward_x", Mark("shop-db", "bundle", "x").text()),
        login("broken", "managed by pgward access: {}"),
        login("plain", "managed by us"),
    )
    deliver(access.store, {"": roles})
    with access.store.read() as connection:
        found = Rights(connection, Wanted(path="server-role"), access.clock.now()).after(None)
        assert [(each.role, each.flagged) for each in found] == [
            ("another", FORGED),
            ("broken", FORGED),
            ("elsewhere", FORGED),
            ("gone", FORGED),
            ("pgward_x", FORGED),
            ("plain", None),
        ]


@pytest.mark.parametrize(("seconds", "flagged"), [(60, []), (-60, [FORGED])])
def test_a_role_of_a_grant_that_ended_since_the_last_look(access, seconds, flagged):
    """The catalog is older than the grants: a role that it saw may be gone by now."""
    granted = access.granted()
    deliver(access.store, {"": (login("ann", Mark("shop-db", "access", "ann").text()),)})
    taken = access.clock.now()
    with access.store.write() as transaction:
        transaction.execute(sa.update(catalog_scans).values(taken_at=taken))
        ended = {"state": "ended", "ended_at": taken + timedelta(seconds=seconds)}
        requests.change_grant(transaction, granted, **ended)
    with access.store.read() as connection:
        found = Rights(connection, Wanted(path="server-role"), taken).after(None)
        assert [each.flagged for each in found] == flagged


def test_it_goes_on_behind_any_right(aware):
    aware.put("RoleMap", "team", {"hosts": ["db1"], "rules": [{"groups": ["dba"]}]} | MANAGED)
    with aware.store.read() as connection:

        def after(key):
            return list(Rights(connection, Wanted(people=True), aware.clock.now()).after(key))

        whole = after(None)
        assert [after(each.key) for each in whole] == [
            whole[number:] for number in range(1, len(whole) + 1)
        ]
    assert len({each.key for each in whole}) == len(whole)
