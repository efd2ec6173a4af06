import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError

RULE = {"groups": ["dba"], "roles": ["app"]}


def read(**spec):
    spec = {"hosts": ["db1"], "rules": [RULE]} | spec
    body = {"kind": "RoleMap", "metadata": {"name": "m1"}, "spec": spec}
    return kinds.read("RoleMap", body).spec


def wrong(**spec):
    with pytest.raises(FieldsError) as caught:
        read(**spec)
    return {field.path: field.message for field in caught.value.fields}


def test_a_full_map():
    spec = read(
        rules=[RULE, {"users": ["carol"], "roles": ["{user}", "report"]}],
        roles={"manage": True, "memberOf": ["staff"], "connectionLimit": 5, "drop": "unowned"},
        stripDomain="example.com",
        allowSuperuser=False,
        maxRemovedPercent=20,
    )
    assert (spec.roles.member_of, spec.roles.drop, spec.max_removed_percent) == (
        ["staff"],
        "unowned",
        20,
    )


def test_people_are_named_by_the_map_as_their_roles_are():
    spec = read(stripDomain="Example.com")
    names = ("ann@example.com", "ann@Example.COM", "ann@other.com", "ann")
    assert [spec.own_role(name) for name in names] == ["ann", "ann", "ann@other.com", "ann"]


def test_without_a_domain_the_name_is_the_role():
    assert read().own_role("ann@example.com") == "ann@example.com"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"hosts": []}, {"spec.hosts"}),
        ({"hosts": ["DB 1"]}, {"spec.hosts[0]"}),
        ({"rules": [{"roles": ["app"]}]}, {"spec.rules[0]"}),
        ({"rules": [{"groups": ["dba"]}]}, {"spec"}),
        ({"rules": [{"groups": ["dba"], "roles": ["a\nb"]}]}, {"spec.rules[0].roles[0]"}),
        ({"rules": [{"groups": ["dba"], "roles": ["postgres"]}]}, {"spec"}),
        ({"rules": [{"groups": ["dba"], "roles": ["pg_monitor"]}]}, {"spec"}),
        ({"roles": {"memberOf": ["staff"]}}, {"spec.roles"}),
        ({"roles": {"manage": True, "memberOf": ["{user}"]}}, {"spec"}),
        ({"roles": {"manage": True, "memberOf": ["pg_execute_server_program"]}}, {"spec"}),
        ({"roles": {"manage": True, "connectionLimit": 0}}, {"spec.roles.connectionLimit"}),
        ({"roles": {"manage": True, "drop": "always"}}, {"spec.roles.drop"}),
        ({"maxRemovedPercent": 0}, {"spec.maxRemovedPercent"}),
        ({"rules": [RULE] * 201}, {"spec.rules"}),
        ({"rules": [{"groups": ["dba"], "roles": ["app"] * 101}]}, {"spec.rules[0].roles"}),
    ],
)
def test_what_is_refused(spec, expected):
    assert set(wrong(**spec)) == expected


def test_a_misspelt_field_is_told_with_the_nearest():
    assert "did you mean memberOf?" in wrong(roles={"membersOf": []})["spec.roles.membersOf"]


def test_superusers_are_for_those_who_say_so():
    assert read(rules=[{"users": ["ann"], "roles": ["postgres"]}], allowSuperuser=True)
    said = wrong(rules=[{"users": ["ann"], "roles": ["postgres"]}])["spec"]
    assert "add allowSuperuser: true" in said


def test_what_members_of_become_is_no_matter_for_reading():
    assert read(roles={"manage": True, "memberOf": ["pg_read_all_data"]})
