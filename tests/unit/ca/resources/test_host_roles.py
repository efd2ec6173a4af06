from datetime import UTC, datetime, timedelta

import pytest

from pgward.ca.identity.directory import User
from pgward.ca.resources import host_roles
from pgward.ca.resources.host_grants import HostGrants
from pgward.ca.resources.host_roles import resolve
from pgward.ca.resources.role_map import RoleMapSpec
from pgward.core.errors import ConflictError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DBA = {"groups": ["dba"], "roles": ["app"]}


def person(name, *groups, **more):
    fields = {"blocked_at": None, "blocked_reason": None, "password_changed_at": None} | more
    return User(name, "", "", groups, created_at=NOW, created_by="x", **fields)


def spec(*rules, **fields):
    return RoleMapSpec.model_validate({"hosts": ["db1"], "rules": list(rules)} | fields)


NONE = HostGrants()
END = NOW + timedelta(hours=1)


def told(people, *specs, grants=NONE):
    maps = [(f"m{number}", each) for number, each in enumerate(specs)]
    return resolve(maps, people, NOW, grants)


def roles(found):
    return {
        each["name"]: [(role["role"], role["superuser"]) for role in each["roles"]]
        for each in found["people"]
    }


def test_groups_and_names_become_roles():
    people = [person("ann", "dba"), person("Bob"), person("eve", "sales")]
    found = told(people, spec(DBA, {"users": ["bob"], "roles": ["report", "{user}"]}))
    assert roles(found) == {"Bob": [("Bob", False), ("report", False)], "ann": [("app", False)]}
    assert (found["maps"], found["left"], found["notes"]) == (["m0"], [], [])


def test_who_may_not_log_in_is_left_out_and_said():
    people = [
        person("ann", "dba", blocked_at=NOW),
        person("ben", "dba", valid_until=NOW - timedelta(seconds=1)),
        person("cat", "dba", valid_from=NOW + timedelta(days=1)),
        person("dan", "dba"),
        person("eve", "sales", blocked_at=NOW),
    ]
    found = told(people, spec(DBA, {"users": ["gone"], "roles": ["app"]}))
    assert (list(roles(found)), found["left"]) == (["dan"], ["ann", "ben", "cat", "gone"])


def test_maps_of_one_host_come_together():
    managing = {"manage": True, "memberOf": ["staff"], "connectionLimit": 9, "drop": "unowned"}
    other = {"manage": True, "memberOf": ["more"], "connectionLimit": 3}
    found = told(
        [person("ann", "dba")],
        spec(DBA, roles=managing, maxRemovedPercent=80),
        spec({"users": ["ann"], "roles": ["app"]}, roles=other, allowSuperuser=True),
    )
    (ann,) = found["people"]
    assert ann["roles"] == [{"role": "app", "superuser": True}]
    assert ann["own"] == {
        "role": "ann",
        "superuser": True,
        "member_of": ["more", "staff"],
        "connection_limit": 3,
    }
    assert (found["drop"], found["max_removed_percent"]) == ("never", 50)


def test_one_managing_map_may_say_that_roles_are_dropped():
    managing = {"manage": True, "drop": "unowned"}
    assert told([], spec(DBA, roles=managing), spec(DBA))["drop"] == "unowned"


def test_two_people_have_no_role_of_their_own_together():
    people = [person("ann", "dba"), person("ann@example.com", "dba")]
    found = told(people, spec(DBA, roles={"manage": True}, stripDomain="example.com"))
    assert [each["own"] for each in found["people"]] == [None, None]
    assert [note.partition(" ")[0] for note in found["notes"]] == ["ann", "ann@example.com"]


@pytest.mark.parametrize("manage", [True, False])
def test_who_is_called_as_another_without_a_domain_is_nobody_s_role(manage):
    people = [person("ann@corp.org"), person("ann"), person("bob@corp.org")]
    rule = {"users": ["ann", "ann@corp.org", "bob@corp.org"], "roles": ["app", "{user}"]}
    found = told(people, spec(rule, stripDomain="corp.org", roles={"manage": manage}))
    given = {
        each["name"]: [role["role"] for role in each["roles"]]
        + ([] if each["own"] is None else [each["own"]["role"]])
        for each in found["people"]
    }
    assert given == {"ann": ["app"], "ann@corp.org": ["app"], "bob@corp.org": ["app", "bob"]}
    assert [note.partition(":")[0] for note in found["notes"]] == [
        "ann gets no role 'ann'",
        "ann@corp.org gets no role 'ann'",
    ]


@pytest.mark.parametrize("name", ["postgres", "pg_monitor", "public", "app", "staff", "Postgres"])
@pytest.mark.parametrize("way", [{"roles": {"manage": True, "memberOf": ["staff"]}}, {}])
def test_nobody_gets_a_strange_role_by_a_name(name, way):
    rule = {"users": [name], "roles": ["{user}"]}
    extra = {"users": ["nobody"], "roles": ["app", "staff"]}
    found = told([person(name)], spec(rule, extra, **way))
    assert found["people"] == []
    assert [f"gets no role {name!r}" in note for note in found["notes"]] == [True]


def test_superusers_own_roles_are_for_those_who_say_so():
    rule = {"users": ["postgres"], "roles": ["{user}"]}
    found = told([person("postgres")], spec(rule, allowSuperuser=True))
    assert roles(found) == {"postgres": [("postgres", True)]}


def test_the_digest_tells_changes():
    people = [person("ann", "dba")]
    first = told(people, spec(DBA))
    assert told(people, spec(DBA))["digest"] == first["digest"]
    assert told([], spec(DBA))["digest"] != first["digest"]
    assert told([], spec(DBA))["digest"] != told([])["digest"]


def test_too_much_is_not_cut_but_refused(monkeypatch):
    monkeypatch.setattr(host_roles, "MAX_PAIRS", 2)
    with pytest.raises(ConflictError, match="3 pairs"):
        told([person(name, "dba") for name in ("a", "b", "c")], spec(DBA))


def test_names_that_are_nobodys_are_noted_with_the_nearest(api, admin):
    api.machine(admin, "host", "db1")
    api.add("alice")
    api.add("bob", "engineers")
    wanted = spec(
        {"users": ["alcie", "ALICE"], "groups": ["engineer", "elves"], "roles": ["app"]},
        hosts=["db1", "db2"],
    )
    with api.store.read() as connection:
        assert host_roles.notes_about(connection, wanted) == [
            "there is no host 'db2'; did you mean 'db1'?",
            "there is no group 'engineer'; did you mean 'engineers'?",
            "there is no group 'elves' yet",
            "there is no user 'alcie'; did you mean 'alice'?",
        ]


# --- by grants ----------------------------------------------------------------------------


def granting(*pairs, over=()):
    return HostGrants(("shop-db",), dict.fromkeys(pairs, END), frozenset(over))


def test_who_has_a_grant_is_their_access_role():
    people = [person("ann", "dba"), person("bob"), person("eve", blocked_at=NOW)]
    grants = granting(("ann", "a_1"), ("bob", "b_1"), ("eve", "e_1"), over={"zoe", "bob"})
    found = told(people, spec(DBA), grants=grants)
    assert roles(found) == {"ann": [("a_1", False), ("app", False)], "bob": [("b_1", False)]}
    assert found["maps"] == ["m0", "grants of shop-db"]
    assert found["left"] == ["zoe"]


def test_what_only_a_grant_gives_has_an_end():
    found = told([person("ann", "dba")], spec(DBA), grants=granting(("ann", "a_1"), ("ann", "app")))
    assert found["people"][0]["roles"] == [
        {"role": "a_1", "superuser": False, "until": "2026-11-22T13:00:00Z"},
        {"role": "app", "superuser": False},
    ]


def test_without_a_role_map_there_are_grants_all_the_same():
    found = told([person("bob")], grants=granting(("bob", "b_1")))
    assert (found["maps"], roles(found)) == (["grants of shop-db"], {"bob": [("b_1", False)]})
    assert told([], grants=granting(over={"bob"}))["left"] == ["bob"]


def test_an_access_role_that_would_be_anothers_own_is_nobodys():
    managing = spec({"users": ["ann"], "roles": []}, roles={"manage": True})
    found = told([person("ann"), person("bob")], managing, grants=granting(("bob", "ann")))
    assert found["people"] == []
    assert len(found["notes"]) == 2
