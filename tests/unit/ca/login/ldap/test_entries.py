import uuid

import pytest

from pgward.ca.login.ldap import dn, entries
from pgward.ca.login.ldap.entries import LdapGroup, LdapPerson
from pgward.ca.login.ldap.errors import LdapRefusedError, LdapResultError
from pgward.ca.login.ldap.messages import Entry
from pgward.ca.resources.ldap_provider import LdapSpec
from tests.fixtures.authority import START

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
    closed = ["userAccountControl", "accountExpires", "nsAccountLock", "pwdAccountLockedTime"]
    needed = ["uid", "cn", "mail", "entryUUID", "memberOf"]
    assert entries.attributes(spec()) == [*needed, *closed]


@pytest.mark.parametrize(
    ("attribute", "value", "why"),
    [
        ("useraccountcontrol", b"514", "disabled (userAccountControl)"),
        ("useraccountcontrol", b"66050", "disabled (userAccountControl)"),
        ("accountexpires", b"133444736000000000", "expired (accountExpires)"),
        ("nsaccountlock", b"TRUE", "disabled (nsAccountLock)"),
        ("pwdaccountlockedtime", b"000001010000Z", "locked for good (pwdAccountLockedTime)"),
        ("useraccountcontrol", b"512", None),
        ("useraccountcontrol", b"x", None),
        ("accountexpires", b"0", None),
        ("accountexpires", b"9223372036854775807", None),
        ("accountexpires", b"200000000000000000", None),
        ("nsaccountlock", b"false", None),
        ("pwdaccountlockedtime", b"20261122000000Z", None),  # of wrong passwords
    ],
)
def test_accounts_that_are_closed(attribute, value, why):
    found = entry(**{attribute: [value]})
    if why is None:
        entries.check_active(found, START)
        return
    with pytest.raises(LdapRefusedError) as caught:
        entries.check_active(found, START)
    assert why in caught.value.reason


def test_the_id_of_a_subject_is_what_the_directory_has():
    guid = uuid.uuid4()
    microsoft = spec(idAttribute="objectGUID")
    assert entries.id_value(str(guid), microsoft) == guid.bytes_le
    assert entries.id_value("no guid", microsoft) == b"no guid"
    assert entries.id_value("id1", spec()) == b"id1"
    assert entries.id_value("id1", spec(idAttribute=None)) is None
    assert entries.id_value("dn-sha256:00", spec()) is None
    strange = entries.person(entry(entryuuid=[b"\xff"]), [], spec()).subject
    assert entries.id_value(strange, spec()) is None


def test_an_entry_of_another_id_is_not_believed():
    entries.check_subject(entry(), "id1", spec())
    with pytest.raises(LdapResultError, match="uid=Alice,dc=x for another entryUUID"):
        entries.check_subject(entry(), "id2", spec())


def test_more_groups_than_anybody_has_are_an_error():
    listed = entry(memberof=[b"cn=g%d,dc=x" % number for number in range(10_000)])
    with pytest.raises(LdapResultError, match="in more than 1000 groups"):
        entries.named_groups(listed, spec())


def test_names_of_groups_are_read_once(monkeypatch):
    mapped = {f"cn=g{number},{GROUPS}": f"g{number}" for number in range(500)}
    theirs = [LdapGroup(f"cn=g{number},{GROUPS}", f"g{number}") for number in range(500)]
    read = []
    parts = dn.parts
    monkeypatch.setattr(dn, "parts", lambda text: read.append(text) or parts(text))
    assert len(entries.our_groups(theirs, spec(groupMap=mapped))) == 500
    assert len(read) < 5000


def test_the_first_line_that_names_a_group_counts():
    both = {"dba": "first", DBA.dn: "second"}
    assert entries.our_groups([DBA], spec(groupMap=both)) == {"first"}
    assert entries.our_groups([DBA], spec(groupMap=dict(reversed(both.items())))) == {"second"}
