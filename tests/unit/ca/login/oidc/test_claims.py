from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.oidc import claims
from pgward.ca.login.oidc.claims import Person
from pgward.ca.login.oidc.errors import NotAllowedError, UntrustedError
from pgward.ca.resources.oidc_provider import OidcSpec
from pgward.core import names
from tests.fixtures.fuzz import fuzz
from tests.fixtures.lying_provider import CLIENT, ISSUER


def spec(**fields: Any) -> OidcSpec:
    return OidcSpec.model_validate({"type": "oidc", "issuer": ISSUER, "clientId": CLIENT} | fields)


def name(told: dict[str, Any], **fields: Any) -> str:
    return claims.person(told, spec(**fields)).name


def groups(told: Any, **fields: Any) -> set[str]:
    found = claims.person(
        {"preferred_username": "ann", "groups": told}, spec(groupsClaim="groups", **fields)
    ).groups
    assert found is not None
    return set(found)


def test_a_person_is_made_of_claims() -> None:
    told = {
        "preferred_username": "Ann",
        "name": "Ann Example",
        "email": "ann@example.com",
        "email_verified": True,
        "groups": ["DBA", "/dev"],
    }
    assert claims.person(told, spec(groupsClaim="groups")) == Person(
        "ann", "Ann Example", "ann@example.com", frozenset({"dba", "dev"})
    )
    assert claims.person(told, spec()).groups is None


@pytest.mark.parametrize(
    ("told", "fields", "expected"),
    [
        ({"preferred_username": "ann", "email": "x@y", "email_verified": True}, {}, "ann"),
        ({"email": "ann@example.com", "email_verified": True}, {}, "ann@example.com"),
        ({"email": "ann@example.com", "email_verified": "true"}, {}, "ann@example.com"),
        ({"upn": "Ann"}, {"userClaim": "upn", "lowerCase": False}, "Ann"),
        ({"https://x.test/user": "ann"}, {"userClaim": "https://x.test/user"}, "ann"),
        ({"ext": {"unix": {"name": "ann"}}}, {"userClaim": "ext.unix.name"}, "ann"),
        (
            {"preferred_username": "ann@Corp.Example"},
            {"stripDomains": ["other.example", "corp.example"]},
            "ann",
        ),
    ],
)
def test_names(told, fields, expected) -> None:
    assert name(told, **fields) == expected


@pytest.mark.parametrize(
    ("told", "fields", "why"),
    [
        ({}, {}, "did not say your preferred_username or a verified email"),
        ({"email": "ann@example.com"}, {}, "did not say"),
        ({"email": "ann@example.com", "email_verified": False}, {}, "did not say"),
        ({"email": "ann@example.com"}, {"userClaim": "email"}, "did not say your email"),
        ({"preferred_username": "ann@evil.test"}, {"stripDomains": ["corp.example"]}, "domains"),
        ({"preferred_username": "ann"}, {"stripDomains": ["corp.example"]}, "domains"),
        (
            {"preferred_username": "ann@evil.test@corp.example.evil"},
            {"stripDomains": ["corp.example"]},
            "domains",
        ),
        ({"preferred_username": "ann,CN=admin"}, {}, "cannot be a user name here"),
        ({"preferred_username": "unknown"}, {}, "cannot be a user name here"),
        ({"preferred_username": "\u0430nn"}, {}, "cannot be a user name here"),
        ({"preferred_username": ""}, {}, "cannot be a user name here"),
        ({"preferred_username": "@corp.example"}, {"stripDomains": ["corp.example"]}, "cannot"),
    ],
)
def test_who_is_not_let_in(told, fields, why) -> None:
    with pytest.raises(NotAllowedError, match=why):
        name(told, **fields)


def test_a_name_that_is_no_text_is_a_lie() -> None:
    with pytest.raises(UntrustedError, match="preferred_username is not text"):
        name({"preferred_username": ["ann", "admin"]})


@pytest.mark.parametrize(
    ("told", "fields", "expected"),
    [
        (["DBA", "/dev", "two words", "a/b", ""], {}, {"dba", "dev"}),
        ("dba", {}, {"dba"}),
        (None, {}, set()),
        (["dba", "dev"], {"groupPrefix": "corp-"}, {"corp-dba", "corp-dev"}),
        (["DB Team", "dev"], {"groupMap": {"DB Team": "dba"}}, {"dba", "dev"}),
        (
            ["DB Team", "dev"],
            {"groupMap": {"DB Team": "dba"}, "unmappedGroups": "ignore"},
            {"dba"},
        ),
        (["administrators", "Administrators", "/administrators"], {}, set()),
        (["strators"], {"groupPrefix": "admini"}, set()),
        (["root"], {"groupMap": {"root": "administrators"}}, {"administrators"}),
        (["K\u212a"], {}, set()),
    ],
)
def test_groups(told, fields, expected) -> None:
    assert groups(told, **fields) == expected


@pytest.mark.parametrize("told", [7, [7], ["dba", None], {"dba": True}, True])
def test_groups_that_are_no_list_are_a_lie(told) -> None:
    with pytest.raises(UntrustedError, match="groups is not a list of groups"):
        groups(told)


def test_too_many_groups_are_refused() -> None:
    with pytest.raises(UntrustedError, match="more than 1000 groups"):
        groups([f"g{number}" for number in range(1001)])


def test_groups_kept_elsewhere_are_not_no_groups() -> None:
    told = {"preferred_username": "ann", "_claim_names": {"groups": "src1"}}
    with pytest.raises(UntrustedError, match="there are too many"):
        claims.person(told, spec(groupsClaim="groups"))


def test_only_some_groups_may_log_in() -> None:
    assert groups(["Staff", "dev"], allowGroups=["Staff"]) == {"staff", "dev"}
    with pytest.raises(NotAllowedError, match="in a group that may log in"):
        groups(["staff", "dev"], allowGroups=["Staff"])


@pytest.mark.parametrize(
    ("told", "wanted", "is_fine"),
    [
        ({"hd": "corp.example"}, {"hd": "corp.example"}, True),
        ({"hd": "evil.test"}, {"hd": "corp.example"}, False),
        ({}, {"hd": "corp.example"}, False),
        ({"hd": "b"}, {"hd": ["a", "b"]}, True),
        ({"amr": ["pwd", "mfa"]}, {"amr": "mfa"}, True),
        ({"amr": ["pwd"]}, {"amr": "mfa"}, False),
        ({"x": {"staff": True}}, {"x.staff": True}, True),
        ({"staff": 1}, {"staff": True}, False),
        ({"staff": "true"}, {"staff": True}, False),
        ({"a": "1", "b": "2"}, {"a": "1", "b": "1"}, False),
    ],
)
def test_required_claims(told, wanted, is_fine) -> None:
    rules = spec(requireClaims=wanted)
    told = {"preferred_username": "ann", **told}
    if is_fine:
        assert claims.person(told, rules).name == "ann"
    else:
        with pytest.raises(NotAllowedError, match="does not say of you what"):
            claims.person(told, rules)


def test_an_unverified_address_is_nobodys() -> None:
    told = {"preferred_username": "ann", "email": "ceo@example.com", "name": "a\nb"}
    assert claims.person(told, spec()) == Person("ann", "", "", None)


def test_userinfo_is_needed_for_what_is_missing() -> None:
    rules = spec(groupsClaim="groups", requireClaims={"hd": "x"})
    assert claims.is_complete({"preferred_username": "a", "groups": [], "hd": "x"}, rules)
    assert not claims.is_complete({"preferred_username": "a", "groups": []}, rules)
    assert not claims.is_complete({"groups": [], "hd": "x"}, rules)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
RULES = [
    spec(),
    spec(groupsClaim="groups", groupPrefix="admini", stripDomains=["x"]),
    spec(groupsClaim="a.groups", userClaim="a.b", allowGroups=["x"]),
    spec(groupsClaim="groups", groupMap={"x": "administrators"}, requireClaims={"a": [True, "x"]}),
]


@fuzz
@given(
    st.dictionaries(
        st.sampled_from(
            ["preferred_username", "email", "email_verified", "groups", "name", "a", "_claim_names"]
        ),
        VALUES,
    ),
    st.sampled_from(RULES),
)
def test_whatever_is_claimed_is_a_good_person_or_refused(told, rules) -> None:
    try:
        found = claims.person(told, rules)
    except (NotAllowedError, UntrustedError):
        return
    assert names.new_identity(found.name) == found.name.lower()
    for group in found.groups or ():
        assert names.resource_name(group) == group
    if "administrators" in (found.groups or ()):
        assert "x" in str(told["groups"])
        assert rules.group_map


@fuzz
@given(st.lists(st.text(max_size=30)), st.text(max_size=20))
def test_nobody_becomes_an_administrator_by_a_groups_name(told, prefix) -> None:
    rules = spec(groupsClaim="groups")
    rules.group_prefix = prefix or None
    assert "administrators" not in claims.our_groups(frozenset(told), rules)
