import uuid

import pytest

from pgward.ca.login.ldap import entries
from pgward.ca.login.ldap.entries import LdapGroup, LdapPerson
from pgward.ca.login.ldap.errors import LdapRefusedError
from pgward.ca.login.ldap.messages import Entry
from pgward.ca.resources.ldap_provider import LdapSpec

GROUPS = "ou=groups,dc=x"
DBA = LdapGroup("cn=dba,ou=groups,dc=x", "dba")
FOREIGN = LdapGroup("cn=dba,ou=elsewhere,dc=x", None)


def spec(**changes):
    found = {
        "type": "ldap",
        "servers": ["ldaps://ldap.example.com"],
        "bindDn": "cn=s",
        "userBase": "dc=x",
        "groupBase": GROUPS,
        "groupsAttribute": "memberOf",
    }
    return LdapSpec.model_validate({**found, **changes})


def entry(**attributes):
    found = {"uid": [b"Alice"], "cn": [b"Alice A."], "mail": [b"a@x"], "entryuuid": [b"id1"]}
    return Entry(1, "uid=Alice,dc=x", {**found, **attributes})


def test_an_entry_becomes_a_person():
    assert entries.person(entry(), [DBA], spec()) == LdapPerson(
        "uid=Alice,dc=x", "id1", "alice", "Alice A.", "a@x", frozenset({"dba"})
    )


def test_without_anything_about_groups_they_are_left_alone():
    alone = spec(groupsAttribute=None, groupBase=None)
    assert entries.person(entry(), [], alone).groups is None


def test_the_case_of_names_can_be_kept():
    assert entries.person(entry(), [], spec(lowerCase=False)).name == "Alice"


@pytest.mark.parametrize(
    "values", [[], [b"a", b"b"], [b"a b"], [b"\xff"], [b"unknown"], [b"a=b"], [b"x" * 64]]
)
def test_names_that_cannot_be_ours_are_refused(values):
    with pytest.raises(LdapRefusedError, match="wrong user name or password") as caught:
        entries.person(entry(uid=values), [], spec())
    assert caught.value.reason


def test_what_is_only_for_people_to_read_is_no_reason_to_refuse():
    person = entries.person(entry(cn=[b"a\nb"], mail=[b"\xff"]), [], spec())
    assert (person.full_name, person.email) == ("", "")


def test_groups_elsewhere_have_no_short_name():
    listed = entry(memberof=[DBA.dn.encode(), FOREIGN.dn.encode(), b"no dn", b"\xff"])
    assert entries.named_groups(listed, spec()) == [DBA, FOREIGN]


@pytest.mark.parametrize(
    ("changes", "groups", "ours"),
    [
        ({}, [DBA, FOREIGN], {"dba"}),
        ({}, [FOREIGN], set()),
        ({}, [LdapGroup(f"cn=Night Shift,{GROUPS}", "Night Shift")], {"night-shift"}),
        ({}, [LdapGroup(f"cn=administrators,{GROUPS}", "Administrators")], set()),
        ({}, [LdapGroup(f"cn=ä,{GROUPS}", "ä"), LdapGroup(f"cn=K,{GROUPS}", "\u212a")], set()),
        ({"groupPrefix": "corp-"}, [DBA], {"corp-dba"}),
        ({"unmappedGroups": "ignore"}, [DBA], set()),
        ({"groupMap": {"DBA": "admins"}}, [DBA], {"admins"}),
        ({"groupMap": {"dba": "administrators"}}, [DBA, FOREIGN], {"administrators"}),
        ({"groupMap": {"CN=dba, OU=elsewhere,dc=x": "far"}}, [DBA, FOREIGN], {"dba", "far"}),
        ({"groupMap": {"not=a=,dn": "far"}}, [DBA], {"dba"}),
    ],
)
def test_groups_are_mapped_by_rules(changes, groups, ours):
    assert entries.our_groups(groups, spec(**changes)) == ours


def test_only_groups_that_may_log_in():
    rule = spec(allowGroups=["staff", "cn=dba,ou=groups,dc=x"])
    assert entries.person(entry(), [DBA], rule).name == "alice"
    with pytest.raises(LdapRefusedError) as caught:
        entries.person(entry(), [FOREIGN], rule)
    assert caught.value.reason == "uid=Alice,dc=x is in none of the groups in allowGroups"


def test_the_id_stays_when_a_person_is_renamed():
    guid = uuid.uuid4()
    microsoft = entry(objectguid=[guid.bytes_le])
    assert entries.person(microsoft, [], spec(idAttribute="objectGUID")).subject == str(guid)
    without = [
        entries.person(Entry(1, name, entry().attributes), [], spec(idAttribute=None)).subject
        for name in ("uid=Alice,dc=x", "UID=alice, dc=x", "uid=bob,dc=x")
    ]
    assert without[0] == without[1] != without[2]
    with pytest.raises(LdapRefusedError):
        entries.person(entry(entryuuid=[b"x" * 300]), [], spec())


def test_only_what_is_needed_is_asked_for():
    assert entries.attributes(spec()) == ["uid", "cn", "mail", "entryUUID", "memberOf"]
