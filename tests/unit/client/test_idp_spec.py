import pytest

from pgward.client.idp_spec import asked_again, row, shown_second_factor, spec_of, user_claim
from pgward.core.errors import InvalidInputError

NOTHING = {
    **dict.fromkeys(("ca_file", "admin_group", "user_claim", "group_claim", "group_prefix")),
    **dict.fromkeys(("group_map", "require_claims", "scopes", "strip_domains", "allow_groups"), ()),
    "second_factor": (),
    "redirect_ports": (),
    "create_users": False,
    "link_existing": False,
}
LEAST = {"type": "oidc", "issuer": "https://idp.test", "clientId": "pgward"}


def spec(**given):
    return spec_of(**{"issuer": "https://idp.test", "client_id": "pgward"} | NOTHING | given)


def test_what_was_not_said_is_left_to_the_authority() -> None:
    assert spec() == LEAST


def test_everything_that_can_be_said(tmp_path) -> None:
    (tmp_path / "ca.pem").write_text("PEM")
    assert spec(
        ca_file=tmp_path / "ca.pem",
        admin_group="dba-leads",
        group_claim="groups",
        group_map=("a=b=ours", "x=y"),
        require_claims=("hd=corp.example",),
        redirect_ports=(8400, 8401),
        second_factor=("amr=mfa", "acr=urn:x=1", "amr=otp"),
        create_users=True,
    ) == LEAST | {
        "ca": "PEM",
        "groupsClaim": "groups",
        "groupMap": {"a=b": "ours", "x": "y", "dba-leads": "administrators"},
        "requireClaims": {"hd": "corp.example"},
        "redirectPorts": [8400, 8401],
        "secondFactor": {"amr": ["mfa", "otp"], "acr": ["urn:x=1"]},
        "createUsers": True,
    }


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"admin_group": "x"}, "groups are mapped, and come from nowhere"),
        ({"group_claim": "g", "group_map": ("x",)}, "--group-map 'x' is not THIS=THAT"),
        ({"require_claims": ("=x",)}, "--require-claim '=x' is not THIS=THAT"),
    ],
)
def test_what_cannot_be_meant(given, why) -> None:
    with pytest.raises(InvalidInputError, match=why):
        spec(**given)


def test_a_ca_file_is_text(tmp_path) -> None:
    (tmp_path / "ca.der").write_bytes(b"\x30\x82\xff")
    with pytest.raises(InvalidInputError, match="it is not certificates in PEM"):
        spec(ca_file=tmp_path / "ca.der")


def test_providers_of_all_types_are_rows_of_one_table() -> None:
    metadata = {"name": "corp", "description": "x"}
    expected = {"name": "corp", "description": "x"}
    found = row({"metadata": metadata, "spec": LEAST})
    assert found == expected | {"type": "oidc", "at": "https://idp.test"}
    ldap = {"type": "ldap", "servers": ["ldaps://a", "ldaps://b"]}
    found = row({"metadata": metadata, "spec": ldap})
    assert found == expected | {"type": "ldap", "at": ["ldaps://a", "ldaps://b"]}


@pytest.mark.parametrize("given", ["mfa", "amr", "amr=", "sub=x", "=mfa"])
def test_a_second_factor_is_a_claim_of_the_login(given) -> None:
    with pytest.raises(InvalidInputError, match="is neither amr=VALUE nor acr=VALUE"):
        spec(second_factor=(given,))


def test_a_second_factor_is_shown_as_it_was_given() -> None:
    shown = shown_second_factor({"secondFactor": {"acr": ["2"], "amr": ["mfa"]}})
    assert shown == ["amr=mfa", "acr=2"]
    assert shown_second_factor({}) == []


def test_it_is_said_how_often_a_provider_is_asked_again() -> None:
    often = {"refreshMinutes": 10, "refreshGraceMinutes": 240}
    ldap = {"type": "ldap", "bindDn": "cn=s", "userBase": "dc=x"}
    assert asked_again(ldap | often) == (
        "every 10 min, at renewals; they go on for 240 min while it is away"
    )
    assert "of those with a refresh token" in asked_again({"type": "oidc"} | often)
    never = "never before the next login, for want of "
    assert asked_again(ldap) == never + "idAttribute"
    assert asked_again({"type": "ldap", "userDn": "uid={user}"}) == never + "bindDn"


def test_only_openid_providers_have_claims() -> None:
    assert user_claim({"type": "ldap"}) is None
    assert user_claim({"type": "oidc", "userClaim": "upn"}) == "upn"
