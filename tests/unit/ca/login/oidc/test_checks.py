import asyncio

import pytest

from pgward.ca.login.oidc import checks
from pgward.ca.login.oidc.metadata import Metadata
from tests.fixtures.lying_provider import ISSUER, rsa_key


def look(lying, secret: str | None = None, **fields) -> dict[str, tuple[str, str]]:
    found = asyncio.run(checks.look(lying.provider(secret=secret, **fields)))
    return {each.name: (each.verdict, each.detail) for each in found}


def test_all_is_well(lying_provider) -> None:
    lying_provider.document = {
        "code_challenge_methods_supported": ["S256"],
        "backchannel_logout_supported": True,
        "end_session_endpoint": f"{ISSUER}/end",
        "scopes_supported": ["openid", "offline_access"],
    }
    found = look(lying_provider, scopes=["openid", "offline_access"], groupsClaim="groups")
    assert {verdict for verdict, _ in found.values()} == {"ok"}
    assert found["keys"] == ("ok", "1 usable, for ES256, RS256")
    assert found["discovery"][1] == f"{ISSUER} answers, and names itself so"


def test_what_is_missing_is_a_warning(lying_provider) -> None:
    lying_provider.document = {
        "scopes_supported": ["openid"],
        "device_authorization_endpoint": None,
        "authorization_response_iss_parameter_supported": None,
    }
    found = look(lying_provider)
    warned = [name for name, (verdict, _) in found.items() if verdict == "warning"]
    assert warned == [
        *("scopes", "groups", "pkce", "issuer in answers", "device codes"),
        *("refresh", "logout page", "back-channel logout"),
    ]
    assert found["scopes"][1] == "the provider does not announce profile, email"


def test_what_cannot_work_has_failed(lying_provider) -> None:
    lying_provider.away = True
    assert list(look(lying_provider)) == ["discovery"]
    lying_provider.away = False
    lying_provider.document = {"id_token_signing_alg_values_supported": ["HS256"]}
    assert look(lying_provider)["keys"][0] == "failed"
    lying_provider.document, lying_provider.keys = {}, [{"kty": "oct"}]
    assert look(lying_provider)["keys"] == (
        "failed",
        "its key set has no key that verifies signatures",
    )
    lying_provider.keys = [{"d": "x", "kty": "RSA", "n": "x", "e": "x"}]
    assert look(lying_provider)["keys"][0] == "failed"
    assert rsa_key()


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ("invalid_client", "failed"),
        ("unauthorized_client", "failed"),
        ("unsupported_grant_type", "warning"),
    ],
)
def test_the_client_is_probed(lying_provider, error, verdict) -> None:
    lying_provider.probe = {"error": error}
    assert look(lying_provider)["client"][0] == verdict


def test_a_missing_secret_has_failed(lying_provider) -> None:
    assert look(lying_provider, clientAuth="client_secret_post")["client"][0] == "failed"


def test_a_spec_is_completed_with_what_the_provider_can_do(lying_provider) -> None:
    lying_provider.document = {"scopes_supported": ["openid", "groups", "offline_access"]}
    metadata = Metadata.read(lying_provider.metadata(), issuer=ISSUER)
    usual = ["openid", "profile", "email"]
    assert checks.completed({}, metadata) == {
        "scopes": [*usual, "offline_access"],
        "deviceCode": True,
    }
    full = checks.completed({"groupsClaim": "groups"}, metadata)
    assert full["scopes"] == [*usual, "offline_access", "groups"]
    given = {"scopes": ["openid"], "deviceCode": False}
    assert checks.completed(given, metadata) == given


def test_what_to_register(lying_provider) -> None:
    portal = "https://ca.test:7443/sign-in/back"
    told = checks.register(lying_provider.spec(), "corp", "https://ca.test:7443", portal)
    assert told == {
        "client_id": "pgward",
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/callback", portal],
        "backchannel_logout_uri": "https://ca.test:7443/v1/login/oidc/corp/backchannel-logout",
    }
    spec = lying_provider.spec(redirectPorts=[8400, 8401])
    fixed = checks.register(spec, "corp", "https://x", portal)
    assert fixed["redirect_uris"] == [
        "http://127.0.0.1:8400/callback",
        "http://127.0.0.1:8401/callback",
        portal,
    ]
