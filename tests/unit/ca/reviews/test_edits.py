"""Specs without somebody that they named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.resources.role_map import RoleMapSpec
from pgward.ca.reviews import edits

ROLES = ["app", "reading", "{user}"]
NAMES = ["ann", "Bob", "carl"]
GROUPS = ["dba", "ops"]


@pytest.mark.parametrize(
    ("people", "user", "group", "named"),
    [
        ({"users": ["Ann"]}, "aNN", None, True),
        ({"users": ["Ann"], "groups": ["dba"]}, "ann", "dba", True),
        ({"users": ["Ann"]}, "ann", "dba", False),
        ({"groups": ["dba"]}, "dba", None, False),
        ({}, "ann", None, False),
        (None, "ann", None, False),
    ],
)
def test_who_is_named(people, user, group, named):
    assert edits.names(people, user, group) is named


def test_one_is_left_out():
    people = {"users": ["Ann", "bob"], "groups": ["dba", "ops"], "roles": ["app"]}
    assert edits.without(people, "ann", None) == people | {"users": ["bob"]}
    assert edits.without(people, None, "dba") == people | {"groups": ["ops"]}
    assert people["users"] == ["Ann", "bob"]
    assert edits.is_empty(edits.without({"users": ["Ann"], "groups": []}, "ann", None))


def test_other_roles_of_a_rule_stay():
    rule = {"users": ["ann"], "groups": ["dba"], "roles": ["app", "reading"]}
    spec = {"hosts": ["db1"], "rules": [rule]}
    assert edits.unmapped(spec, "app", None, "dba") == {
        "hosts": ["db1"],
        "rules": [
            {"users": ["ann"], "groups": [], "roles": ["app", "reading"]},
            {"groups": ["dba"], "roles": ["reading"]},
        ],
    }
    alone = {"hosts": ["db1"], "rules": [{"groups": ["dba"], "roles": ["app"]}]}
    assert edits.unmapped(alone, "app", None, "dba") == {"hosts": ["db1"], "rules": []}


def test_a_role_of_ones_own_stays_when_another_goes_and_goes_with_all():
    rule = {"groups": ["dba"], "users": [], "roles": ["app"]}
    spec = {"hosts": ["db1"], "rules": [rule], "roles": {"manage": True}}
    assert edits.unmapped(spec, "app", None, "dba")["rules"] == [{"groups": ["dba"], "roles": []}]
    assert edits.unmapped(spec, "{user}", None, "dba")["rules"] == []


names = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
groups = st.lists(st.sampled_from(GROUPS), max_size=2, unique=True)
some_roles = st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True)
rules = st.fixed_dictionaries({"users": names, "groups": groups, "roles": some_roles}).filter(
    lambda rule: not edits.is_empty(rule)
)
specs = st.fixed_dictionaries(
    {
        "hosts": st.just(["db1"]),
        "rules": st.lists(rules, max_size=4),
        "roles": st.builds(lambda manage: {"manage": manage}, st.booleans()),
    }
)
WAYS = [(name, None) for name in NAMES] + [(None, group) for group in GROUPS]


@given(specs, st.sampled_from(ROLES), st.sampled_from(WAYS))
def test_just_that_right_goes_and_the_map_stays_valid(spec, role, way):
    after = edits.unmapped(spec, role, *way)
    RoleMapSpec.model_validate(after)
    takes_all = role == "{user}" and spec["roles"]["manage"]
    for other in ROLES:
        for each in WAYS:
            had = edits.is_mapped(spec, other, *each)
            has = edits.is_mapped(after, other, *each)
            if each != way:
                assert has == had
            elif other == role:
                assert not has
            elif not takes_all:
                assert has == had
