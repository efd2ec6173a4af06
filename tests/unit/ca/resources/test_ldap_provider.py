import pytest
from pydantic import ValidationError

from pgward.ca.login.ldap.connection import Server
from pgward.ca.resources import ldap_provider
from pgward.ca.resources.ldap_provider import LdapSpec
from pgward.core.errors import InvalidInputError

SEARCH = {"bindDn": "cn=s,dc=x", "userBase": "dc=x"}
GROUPS = {"groupBase": "ou=g,dc=x", "groupFilter": "(member={dn})"}


def read(**fields):
    whole = {"type": "ldap", "servers": ["ldaps://ldap.example.com"], **fields}
    return LdapSpec.model_validate(whole)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("ldaps://ldap.example.com", Server("ldap.example.com", 636, "ldaps")),
        ("ldap://LDAP.example.com", Server("ldap.example.com", 389, "starttls")),
        ("ldaps://[2001:db8::1]:1636/", Server("2001:db8::1", 1636, "ldaps")),
    ],
)
def test_urls_of_servers(url, server):
    assert ldap_provider.server(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "ldap.example.com",
        "http://x",
        "ldapi:///x",
        "ldap://",
        "ldap://u:p@x",
        "ldap://x/dc=x",
        "ldap://x?y",
        "ldap://x:99999",
        "ldap://a b",
    ],
)
def test_other_urls_are_refused(url):
    with pytest.raises(InvalidInputError):
        ldap_provider.server(url)


@pytest.mark.parametrize(
    "fields",
    [
        SEARCH,
        {"userDn": "uid={user},ou=people,dc=x"},
        {**SEARCH, **GROUPS, "nestedLevels": 3, "allowGroups": ["dba"]},
        {**SEARCH, "groupBase": "dc=x", "groupsAttribute": "memberOf"},
    ],
)
def test_what_is_right(fields):
    assert read(**fields).type == "ldap"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "either bindDn with userBase"),
        ({**SEARCH, "userDn": "uid={user},dc=x"}, "either bindDn with userBase"),
        ({"bindDn": "cn=s"}, "either bindDn with userBase"),
        ({"userDn": "uid={user},dc=x", "userBase": "dc=x"}, "either bindDn with userBase"),
        ({"userDn": "{user}@corp.example.com"}, "no part of a DN"),
        ({"userDn": "uid=alice,dc=x"}, "not exactly one {user}"),
        ({**SEARCH, "userFilter": "(uid=alice)"}, "no {user} in it"),
        ({**SEARCH, "userFilter": "uid={user}"}, "the LDAP filter lacks"),
        ({**SEARCH, "groupFilter": "(member={dn})"}, "groupBase says"),
        ({**SEARCH, "groupsAttribute": "memberOf"}, "groupBase says"),
        ({**SEARCH, **GROUPS, "groupFilter": "(cn=dba)"}, "neither {dn} nor {user}"),
        (
            {**SEARCH, **GROUPS, "groupFilter": "(memberUid={user})", "nestedLevels": 1},
            "nestedLevels needs",
        ),
        ({**SEARCH, "allowGroups": ["dba"]}, "allowGroups needs"),
        ({**SEARCH, "ca": "no pem"}, "not certificates in PEM"),
        ({**SEARCH, "bindDn": " "}, "the DN is empty"),
        ({**SEARCH, "userAttribute": "a)(b"}, "match pattern"),
        ({**SEARCH, "servers": []}, "at least 1"),
        ({**SEARCH, "bindPassword": "x"}, "not permitted"),
        ({**SEARCH, "refreshMinutes": 0}, "greater than or equal to 1"),
        ({"userDn": "uid={user},dc=x", "refreshMinutes": 5}, "nobody can be found again"),
        ({**SEARCH, "idAttribute": None, "refreshGraceMinutes": 5}, "nobody can be found again"),
    ],
)
def test_what_does_not_fit_is_told(fields, said):
    with pytest.raises(ValidationError, match=said):
        read(**fields)


def test_who_can_be_asked_about_again():
    found = read(**SEARCH)
    assert (found.asks_again, found.refresh_minutes, found.refresh_grace_minutes) == (True, 10, 240)
    assert read(**SEARCH, refreshMinutes=5).refresh_minutes == 5
    direct = read(userDn="uid={user},dc=x")
    assert (direct.asks_again, direct.refresh_minutes) == (False, None)
    known_by_dn = read(**SEARCH, idAttribute=None)
    assert (known_by_dn.asks_again, known_by_dn.id_attribute) == (False, "dn")


@pytest.mark.parametrize(
    "fields", [SEARCH, {"userDn": "uid={user},dc=x"}, {**SEARCH, "idAttribute": None}]
)
def test_what_is_stored_means_the_same(fields):
    found = read(**fields)
    stored = found.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert LdapSpec.model_validate(stored) == found


def test_where_people_are():
    base = read(bindDn="cn=s", userBase="OU=People, dc=x").people_base
    assert base == read(userDn="uid={user},ou=people,dc=x").people_base
    assert base != read(**SEARCH).people_base
