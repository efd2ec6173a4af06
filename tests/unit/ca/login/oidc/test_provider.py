import asyncio
from typing import Any

import pytest

from pgward.ca.login.oidc.errors import ProviderAwayError, RefusedError, UntrustedError
from pgward.ca.login.oidc.signed import UnknownKeyError
from tests.fixtures.lying_provider import CLIENT, ISSUER, ec_key, published

GRANT = {"grant_type": "refresh_token", "refresh_token": "rt"}


def verified(provider, token: str) -> dict[str, Any]:
    return asyncio.run(provider.verified(token, what="token"))[0]


def jwks(lying) -> int:
    return [url for url, _ in lying.asked].count(f"{ISSUER}/jwks")


def test_metadata_and_keys_are_fetched_once(lying_provider) -> None:
    provider = lying_provider.provider()
    for _ in range(3):
        assert verified(provider, lying_provider.sign({"a": 1})) == {"a": 1}
    assert [url for url, _ in lying_provider.asked] == [
        f"{ISSUER}/.well-known/openid-configuration",
        f"{ISSUER}/jwks",
    ]


def test_a_new_key_is_looked_for(lying_provider) -> None:
    provider = lying_provider.provider()
    verified(provider, lying_provider.sign({"a": 1}))
    lying_provider.key = ec_key(1)
    lying_provider.keys = [published(ec_key(1), "k2")]
    lying_provider.header = {"kid": "k2"}
    lying_provider.clock.move(seconds=10)
    assert verified(provider, lying_provider.sign({"a": 2})) == {"a": 2}


def test_made_up_keys_do_not_make_us_ask_each_time(lying_provider) -> None:
    provider = lying_provider.provider()
    verified(provider, lying_provider.sign({"a": 1}))
    lying_provider.clock.move(seconds=10)
    for number in range(50):
        with pytest.raises(UnknownKeyError):
            verified(provider, lying_provider.sign({"a": 1}, kid=f"new{number}"))
    assert jwks(lying_provider) == 2


def test_a_swapped_key_of_the_same_name_is_not_believed(lying_provider) -> None:
    provider = lying_provider.provider()
    verified(provider, lying_provider.sign({"a": 1}))
    lying_provider.key = ec_key(1)
    with pytest.raises(UntrustedError, match="does not match"):
        verified(provider, lying_provider.sign({"a": 1}))


def test_a_huge_key_set_is_refused(lying_provider) -> None:
    lying_provider.keys = [published(ec_key(), f"k{number}") for number in range(65)]
    with pytest.raises(UntrustedError, match="more than 64 keys"):
        verified(lying_provider.provider(), lying_provider.sign({"a": 1}))


def test_keys_serve_while_the_provider_is_away(lying_provider) -> None:
    provider = lying_provider.provider()
    verified(provider, lying_provider.sign({"a": 1}))
    lying_provider.away = True
    lying_provider.clock.move(hours=2)
    assert verified(provider, lying_provider.sign({"a": 1})) == {"a": 1}
    with pytest.raises(ProviderAwayError):
        verified(provider, lying_provider.sign({"a": 1}, kid="new"))


@pytest.mark.parametrize(
    ("fields", "secret", "document", "basic", "form"),
    [
        ({}, None, {}, None, {"client_id": CLIENT}),
        ({}, "s:1 %", {}, ("pgward", "s%3A1+%25"), {}),
        (
            {},
            "s",
            {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]},
            None,
            {"client_id": CLIENT, "client_secret": "s"},
        ),
        ({"clientAuth": "none"}, "s", {}, None, {"client_id": CLIENT}),
        (
            {"clientAuth": "client_secret_post"},
            "s",
            {},
            None,
            {"client_id": CLIENT, "client_secret": "s"},
        ),
    ],
)
def test_the_client_proves_itself(  # noqa: PLR0917 - pytest passes them by name
    lying_provider, fields, secret, document, basic, form
) -> None:
    lying_provider.document = document
    provider = lying_provider.provider(secret=secret, **fields)
    asyncio.run(provider.token(GRANT))
    assert lying_provider.asked[-1] == (f"{ISSUER}/token", {**GRANT, **form})
    assert lying_provider.basic == basic


def test_a_missing_secret_is_told(lying_provider) -> None:
    provider = lying_provider.provider(clientAuth="client_secret_basic")
    with pytest.raises(UntrustedError, match="wants a client secret, and none is stored"):
        asyncio.run(provider.token(GRANT))


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        ({"error": "invalid_grant"}, RefusedError, "refused: invalid_grant"),
        ({"error": "\x1b[31m"}, RefusedError, "strange reason"),
        ({"error": ["x"]}, RefusedError, "gave no reason"),
        ({}, UntrustedError, "answered 400 without a reason"),
    ],
)
def test_refusals(lying_provider, body, kind, why) -> None:
    lying_provider.refuses = body
    with pytest.raises(kind, match=why):
        asyncio.run(lying_provider.provider().token(GRANT))


def test_a_provider_may_have_neither_device_codes_nor_userinfo(lying_provider) -> None:
    lying_provider.document = {"device_authorization_endpoint": None, "userinfo_endpoint": None}
    provider = lying_provider.provider()
    with pytest.raises(RefusedError, match="it does not do device codes"):
        asyncio.run(provider.begin_device())
    assert asyncio.run(provider.userinfo("at")) is None


def test_userinfo_needs_the_access_token(lying_provider) -> None:
    provider = lying_provider.provider()
    with pytest.raises(UntrustedError, match="userinfo endpoint answered 401"):
        asyncio.run(provider.userinfo("at"))
    lying_provider.userinfo = {"sub": "s"}
    assert asyncio.run(provider.userinfo("at")) == {"sub": "s"}
    assert lying_provider.asked[-1] == (f"{ISSUER}/me", {"bearer": "at"})
