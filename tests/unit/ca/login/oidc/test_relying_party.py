"""What happens when the provider, or somebody in between, lies; and when nobody does."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pgward.ca.login.oidc.claims import Person
from pgward.ca.login.oidc.device_code import Waiting
from pgward.ca.login.oidc.errors import NotAllowedError, RefusedError, UntrustedError
from pgward.ca.login.oidc.relying_party import Identity, Refreshed
from pgward.core.errors import InvalidInputError
from tests.fixtures.lying_provider import (
    CLIENT,
    ISSUER,
    REDIRECT,
    at_hash,
    compact,
    ec_key,
    published,
    rsa_key,
)

ANN = Person("ann", "", "", None)


def login(lying, answer: dict[str, Any] | None = None, **fields: Any) -> Identity:
    """Log in with a browser, which brings back what ``answer`` says instead."""
    party = lying.party(**fields)
    url, begun = asyncio.run(party.begin(REDIRECT))
    return asyncio.run(party.finish(begun, lying.browse(url, begun) | (answer or {})))


def test_an_honest_provider(lying_provider) -> None:
    lying_provider.claims = {"sid": "x", "at_hash": at_hash("at")}
    lying_provider.reply = {"refresh_token": "rt"}
    assert login(lying_provider) == Identity(ISSUER, "s-1", ANN, "x", "rt")
    url, form = lying_provider.asked[-2]
    assert url == f"{ISSUER}/token"
    assert len(form.pop("code_verifier")) == 43
    assert form == {
        "grant_type": "authorization_code",
        "code": "code-of-the-browser",
        "redirect_uri": REDIRECT,
        "client_id": CLIENT,
    }


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://evil.test"}, "is another issuer's"),
        ({"aud": "other-client"}, "is for another client"),
        ({"aud": [CLIENT, "other"], "azp": "other"}, "was given to another client"),
        ({"exp": 1}, "expired"),
        ({"nonce": "another"}, "belongs to another login"),
        ({"nonce": None}, "belongs to another login"),
        ({"at_hash": at_hash("another")}, "belongs to another access token"),
    ],
)
def test_lies_in_the_id_token(lying_provider, claims, why) -> None:
    lying_provider.claims = claims
    with pytest.raises(UntrustedError, match=why):
        login(lying_provider)


def test_a_provider_with_another_issuer_in_its_metadata(lying_provider) -> None:
    lying_provider.document = {"issuer": "https://evil.test"}
    with pytest.raises(UntrustedError, match="names another issuer"):
        login(lying_provider)


def test_alg_none(lying_provider) -> None:
    payload = {"iss": ISSUER, "aud": CLIENT, "sub": "s-1", "iat": 1, "exp": 9e9}
    lying_provider.document = {"id_token_signing_alg_values_supported": ["none", "ES256"]}
    for header in ({"alg": "none"}, {"alg": "none", "kid": "k1"}):
        lying_provider.reply = {"id_token": compact(payload, None, header)}
        with pytest.raises(UntrustedError, match="not signed with a public key algorithm"):
            login(lying_provider)


def test_hs256_with_the_public_key(lying_provider) -> None:
    lying_provider.key, lying_provider.keys = rsa_key(), [published(rsa_key())]
    lying_provider.document = {"id_token_signing_alg_values_supported": ["HS256", "RS256"]}
    pem = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, json.dumps(published(rsa_key())).encode(), b"client-secret"):
        token = compact({"sub": "s-1"}, secret, {"alg": "HS256", "kid": "k1"})
        lying_provider.reply = {"id_token": token}
        with pytest.raises(UntrustedError, match="not signed with a public key algorithm"):
            login(lying_provider, secret="client-secret")


def test_a_swapped_key(lying_provider) -> None:
    lying_provider.key = ec_key(1)
    with pytest.raises(UntrustedError, match="signature of the ID token does not match"):
        login(lying_provider)


def test_a_missing_kid_with_one_key_and_with_two(lying_provider) -> None:
    lying_provider.header = {"kid": None}
    assert login(lying_provider).subject == "s-1"
    lying_provider.keys.append(published(ec_key(1), "k2"))
    with pytest.raises(UntrustedError, match="with a key that the provider does not publish"):
        login(lying_provider)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"state": "of another login"}, "from another login"),
        ({"iss": "https://evil.test"}, "from another identity provider"),
        ({"iss": None}, "without the name of its provider"),
        ({"code": None}, "without a code"),
    ],
)
def test_mixed_up_answers_never_reach_the_token_endpoint(lying_provider, answer, why) -> None:
    with pytest.raises(UntrustedError, match=why):
        login(lying_provider, answer)
    assert f"{ISSUER}/token" not in [url for url, _ in lying_provider.asked]


def test_the_person_said_no(lying_provider) -> None:
    with pytest.raises(RefusedError, match="access_denied"):
        login(lying_provider, {"error": "access_denied", "code": None})


def test_a_replayed_code(lying_provider) -> None:
    lying_provider.refuses = {"error": "invalid_grant"}
    with pytest.raises(RefusedError, match="invalid_grant"):
        login(lying_provider)


def test_the_id_token_of_another_login_of_the_same_person(lying_provider) -> None:
    lying_provider.nonce = "of the other login"
    other = lying_provider.id_token()
    lying_provider.reply = {"id_token": other}
    with pytest.raises(UntrustedError, match="its nonce differs"):
        login(lying_provider)


@pytest.mark.parametrize(
    "reply",
    [
        {"access_token": None},
        {"token_type": "mac"},
        {"token_type": None},
        {"access_token": "a\nb"},
        {"access_token": "x" * 70_000},
    ],
)
def test_no_access_token(lying_provider, reply) -> None:
    lying_provider.reply = reply
    with pytest.raises(UntrustedError, match="gave no access token"):
        login(lying_provider)


def test_no_id_token(lying_provider) -> None:
    lying_provider.reply = {"id_token": None}
    with pytest.raises(UntrustedError, match="the ID token is not a signed token"):
        login(lying_provider)


def test_userinfo_adds_what_the_id_token_lacks_and_changes_nothing(lying_provider) -> None:
    lying_provider.userinfo = {
        "sub": "s-1",
        "groups": ["dba"],
        "preferred_username": "root",
        "iss": "x",
        "sid": "x",
    }
    found = login(lying_provider, groupsClaim="groups")
    assert found.person == replace(ANN, groups=frozenset({"dba"}))
    assert found.sid is None


def test_userinfo_of_another_person(lying_provider) -> None:
    for told in ({"sub": "s-2", "groups": ["administrators"]}, {"groups": ["dba"]}):
        lying_provider.userinfo = told
        with pytest.raises(UntrustedError, match="userinfo is about another person"):
            login(lying_provider, groupsClaim="groups")


def test_our_own_rules_hold(lying_provider) -> None:
    with pytest.raises(NotAllowedError):
        login(lying_provider, requireClaims={"preferred_username": "bob"})


def test_how_somebody_logged_in_is_what_the_id_token_says_and_nothing_else(lying_provider) -> None:
    lying_provider.userinfo = {"sub": "s-1", "amr": ["mfa"], "acr": "2", "groups": []}
    rules = {"groupsClaim": "groups", "secondFactor": {"amr": ["mfa"], "acr": ["2"]}}
    assert login(lying_provider, **rules).second_factor is None
    with pytest.raises(NotAllowedError):
        login(lying_provider, requireClaims={"amr": "mfa"}, **rules)
    lying_provider.claims = {"acr": "2"}
    assert login(lying_provider, **rules).second_factor == "acr=2"


def test_a_redirect_to_elsewhere_is_not_begun(lying_provider) -> None:
    with pytest.raises(InvalidInputError, match="not an address on loopback"):
        asyncio.run(lying_provider.party().begin("https://evil.test/callback"))
    assert lying_provider.asked == []


def test_a_device_waits_and_logs_in(lying_provider) -> None:
    party = lying_provider.party()
    waiting = asyncio.run(party.begin_device())
    lying_provider.refuses = {"error": "authorization_pending"}
    assert asyncio.run(party.poll_device(waiting)) == waiting
    lying_provider.refuses = {"error": "slow_down"}
    slower = asyncio.run(party.poll_device(waiting))
    assert isinstance(slower, Waiting)
    assert slower.interval == 10
    lying_provider.refuses = None
    assert asyncio.run(party.poll_device(slower)) == Identity(ISSUER, "s-1", ANN, None, None)
    assert lying_provider.asked[-2][1] == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "dc",
        "client_id": CLIENT,
    }


@pytest.mark.parametrize("error", ["expired_token", "access_denied"])
def test_a_device_that_is_refused(lying_provider, error) -> None:
    party = lying_provider.party()
    waiting = asyncio.run(party.begin_device())
    lying_provider.refuses = {"error": error}
    with pytest.raises(RefusedError):
        asyncio.run(party.poll_device(waiting))


def test_a_code_that_expired_is_not_asked_about(lying_provider) -> None:
    party = lying_provider.party()
    waiting = asyncio.run(party.begin_device())
    asked = len(lying_provider.asked)
    lying_provider.clock.move(seconds=600)
    with pytest.raises(RefusedError, match="the code has expired"):
        asyncio.run(party.poll_device(waiting))
    assert len(lying_provider.asked) == asked


def test_a_refresh_says_what_holds_now(lying_provider) -> None:
    party = lying_provider.party(groupsClaim="groups")
    lying_provider.claims = {"groups": ["dev"]}
    lying_provider.reply = {"refresh_token": "newer"}
    expected = Refreshed("newer", replace(ANN, groups=frozenset({"dev"})))
    assert asyncio.run(party.refresh("rt", "s-1")) == expected
    lying_provider.reply = {}
    assert asyncio.run(party.refresh("rt", "s-1")).refresh_token == "rt"


def test_a_refresh_without_id_token_asks_userinfo(lying_provider) -> None:
    party = lying_provider.party(groupsClaim="groups")
    lying_provider.reply = {"id_token": None}
    lying_provider.userinfo = {"sub": "s-1", "preferred_username": "ann", "groups": ["dev"]}
    found = asyncio.run(party.refresh("rt", "s-1"))
    assert found == Refreshed("rt", replace(ANN, groups=frozenset({"dev"})))
    lying_provider.document = {"userinfo_endpoint": None}
    assert asyncio.run(
        lying_provider.party(groupsClaim="groups").refresh("rt", "s-1")
    ) == Refreshed("rt", None)


def test_a_refresh_is_about_the_same_person(lying_provider) -> None:
    with pytest.raises(UntrustedError, match="about another person than before"):
        asyncio.run(lying_provider.party().refresh("rt", "s-2"))
    lying_provider.reply = {"id_token": None}
    lying_provider.userinfo = {"sub": "s-1"}
    with pytest.raises(UntrustedError, match="userinfo is about another person"):
        asyncio.run(lying_provider.party().refresh("rt", "s-2"))


def test_no_refresh_token_is_shown():
    person = Person("alice", "", "", None)
    assert "hunter2" not in repr(Identity("https://x", "1", person, None, "hunter2"))
    assert "hunter2" not in repr(Refreshed("hunter2", person))
