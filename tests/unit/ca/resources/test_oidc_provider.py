import pytest
import trustme
from pydantic import ValidationError

from pgward.ca.resources.oidc_provider import OidcSpec

LEAST = {"type": "oidc", "issuer": "https://idp.test", "clientId": "pgward"}


def test_the_defaults_are_careful() -> None:
    spec = OidcSpec.model_validate(LEAST)
    assert spec.scopes == ["openid", "profile", "email"]
    assert not spec.create_users
    assert not spec.link_existing
    assert spec.groups_claim is None
    assert (spec.refresh_minutes, spec.refresh_grace_minutes) == (10, 240)


def test_everything_can_be_set() -> None:
    given = LEAST | {
        "clientAuth": "client_secret_post",
        "scopes": ["openid", "groups"],
        "authorizeParams": {"hd": "corp.example"},
        "redirectPorts": [8400],
        "ca": trustme.CA().cert_pem.bytes().decode(),
        "proxy": "http://proxy.test:3128",
        "userClaim": "upn",
        "stripDomains": ["corp.example"],
        "lowerCase": False,
        "groupsClaim": "groups",
        "groupPrefix": "corp-",
        "groupMap": {"A": "dba"},
        "unmappedGroups": "ignore",
        "allowGroups": ["A"],
        "requireClaims": {"hd": ["a", "b"]},
        "deviceCode": False,
        "secondFactor": {"amr": ["mfa"], "acr": ["urn:x:2"]},
        "stepUpAcr": ["urn:x:2"],
        "createUsers": True,
        "linkExisting": True,
        "refreshMinutes": 1,
        "refreshGraceMinutes": 5,
    }
    spec = OidcSpec.model_validate(given)
    assert spec.model_dump(mode="json", by_alias=True, exclude_none=True) == given


@pytest.mark.parametrize(
    "fields",
    [
        {"issuer": "http://idp.test"},
        {"issuer": "https://idp.test?x=1"},
        {"clientId": ""},
        {"secondFactor": {}},
        {"secondFactor": {"amr": ["otp", "pwd"]}},
        {"secondFactor": {"amr": "mfa"}},
        {"stepUpAcr": ["a b"]},
        {"stepUpAcr": [""]},
        {"clientId": "a\nb"},
        {"clientAuth": "private_key_jwt"},
        {"scopes": ["profile"]},
        {"scopes": ["openid", "a b"]},
        {"authorizeParams": {"redirect_uri": "https://evil.test"}},
        {"authorizeParams": {"code_challenge_method": "plain"}},
        {"redirectPorts": [80]},
        {"ca": "no certificate"},
        {"ca": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
        {"proxy": "socks://proxy"},
        {"proxy": "http://user:secret@proxy.test"},
        {"groupPrefix": "Corp "},
        {"groupMap": {"A": "Not A Label"}},
        {"allowGroups": []},
        {"requireClaims": {"hd": []}},
        {"requireClaims": {"hd": 1.5}},
        {"refreshMinutes": 0},
        {"clientSecret": "s"},
        {"type": "saml"},
    ],
)
def test_what_cannot_be_meant_is_refused(fields) -> None:
    with pytest.raises(ValidationError):
        OidcSpec.model_validate(LEAST | fields)
