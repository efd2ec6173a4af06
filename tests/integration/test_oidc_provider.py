"""Logging in at a certified provider: what nobody here wrote has the last word."""

import asyncio

import pytest

from pgward.ca.login.oidc.device_code import Waiting
from pgward.ca.login.oidc.errors import ProviderAwayError, RefusedError, UntrustedError
from pgward.ca.login.oidc.relying_party import Identity, RelyingParty
from tests.fixtures.oidc_provider import CONFIDENTIAL, REDIRECT, SECRET

pytestmark = pytest.mark.integration
GROUPS = {"groupsClaim": "groups", "scopes": ["openid", "profile", "email", "groups"]}
OFFLINE = GROUPS | {"scopes": [*GROUPS["scopes"], "offline_access"]}


def login(provider, user: str, party: RelyingParty) -> Identity:
    url, begun = asyncio.run(party.begin(REDIRECT))
    browser = provider.browser(user)
    answer = browser.open(url)
    browser.close()
    return asyncio.run(party.finish(begun, answer))


def test_a_browser_logs_in_with_claims_from_userinfo(oidc_provider) -> None:
    name = oidc_provider.person(
        "ann", name="Ann Example", email="ann@example.com", email_verified=True, groups=["dba"]
    )
    found = login(oidc_provider, name, oidc_provider.party(**GROUPS))
    assert (found.issuer, found.subject) == (oidc_provider.issuer, "ann")
    assert found.person.name == "ann"
    assert found.person.full_name == "Ann Example"
    assert found.person.email == "ann@example.com"
    assert found.person.groups == {"dba"}
    assert found.refresh_token is None


@pytest.mark.parametrize(
    ("client", "fields"),
    [
        (CONFIDENTIAL, {}),
        (CONFIDENTIAL, {"clientAuth": "client_secret_basic"}),
        ("pgward-post", {"clientAuth": "client_secret_post"}),
    ],
)
def test_a_confidential_client_proves_itself(oidc_provider, client, fields) -> None:
    party = oidc_provider.party(secret=SECRET, clientId=client, **fields)
    assert login(oidc_provider, oidc_provider.person("bob"), party).subject == "bob"


def test_a_wrong_client_secret_is_told_as_such(oidc_provider) -> None:
    party = oidc_provider.party(secret="wrong", clientId=CONFIDENTIAL)
    with pytest.raises(RefusedError, match="the identity provider refused: invalid_client"):
        login(oidc_provider, oidc_provider.person("bob"), party)


def test_rsa_signatures_count_too(oidc_provider) -> None:
    party = oidc_provider.party(clientId="pgward-rsa")
    assert login(oidc_provider, oidc_provider.person("carol"), party).person.name == "carol"


def test_a_code_works_once(oidc_provider) -> None:
    party = oidc_provider.party()
    url, begun = asyncio.run(party.begin(REDIRECT))
    browser = oidc_provider.browser(oidc_provider.person("dan"))
    answer = browser.open(url)
    browser.close()
    assert asyncio.run(party.finish(begun, answer)).subject == "dan"
    with pytest.raises(RefusedError, match="invalid_grant"):
        asyncio.run(party.finish(begun, answer))


def test_a_stolen_code_is_of_no_use_without_the_verifier(oidc_provider) -> None:
    party = oidc_provider.party()
    url, _ = asyncio.run(party.begin(REDIRECT))
    browser = oidc_provider.browser(oidc_provider.person("eve"))
    answer = browser.open(url)
    browser.close()
    _, own = asyncio.run(party.begin(REDIRECT))
    with pytest.raises(RefusedError, match="invalid_grant"):
        asyncio.run(party.finish(own, answer | {"state": own.state}))


def test_groups_follow_at_each_refresh_and_its_token_is_replaced(oidc_provider) -> None:
    name = oidc_provider.person("fay", groups=["dba", "dev"])
    party = oidc_provider.party(**OFFLINE)
    first = login(oidc_provider, name, party)
    assert first.refresh_token is not None
    oidc_provider.person("fay", groups=["dev"])
    again = asyncio.run(party.refresh(first.refresh_token, "fay"))
    assert again.person is not None
    assert again.person.groups == {"dev"}
    assert again.refresh_token != first.refresh_token
    with pytest.raises(RefusedError, match="invalid_grant"):  # the old one, once more
        asyncio.run(party.refresh(first.refresh_token, "fay"))
    with pytest.raises(RefusedError, match="invalid_grant"):  # which ends the newer one too
        asyncio.run(party.refresh(again.refresh_token, "fay"))


def test_keys_rotate(oidc_provider) -> None:
    party = oidc_provider.party()
    name = oidc_provider.person("gus")
    assert login(oidc_provider, name, party).subject == "gus"
    oidc_provider.change("rotate", keep=False)
    assert login(oidc_provider, name, party).subject == "gus"


def test_a_device_logs_in_by_a_code_typed_elsewhere(oidc_provider) -> None:
    party = oidc_provider.party(**GROUPS)
    waiting = asyncio.run(party.begin_device())
    assert waiting.interval == 5
    pending = asyncio.run(party.poll_device(waiting))
    assert pending == waiting
    browser = oidc_provider.browser(oidc_provider.person("hal", groups=["dba"]))
    assert waiting.verification_uri_complete is not None
    browser.open(waiting.verification_uri_complete)
    browser.close()
    assert "Sign-in Success" in browser.page
    found = asyncio.run(party.poll_device(waiting))
    assert isinstance(found, Identity)
    assert (found.subject, found.person.groups) == ("hal", {"dba"})
    with pytest.raises(RefusedError, match="invalid_grant"):
        asyncio.run(party.poll_device(waiting))


def test_a_provider_that_answers_503_is_away(oidc_provider) -> None:
    party = oidc_provider.party()
    oidc_provider.change("away", on=True)
    try:
        with pytest.raises(ProviderAwayError, match="its metadata answered 503"):
            asyncio.run(party.begin(REDIRECT))
    finally:
        oidc_provider.change("away", on=False)


def test_another_issuer_with_the_same_address_is_refused(oidc_provider) -> None:
    party = oidc_provider.party(issuer=f"{oidc_provider.issuer}/")
    with pytest.raises(UntrustedError, match="names another issuer"):
        asyncio.run(party.begin(REDIRECT))


def test_its_certificate_must_be_trusted(oidc_provider) -> None:
    party = oidc_provider.party(ca=None)
    with pytest.raises(ProviderAwayError, match=r"certificate verify failed|CERTIFICATE_VERIFY"):
        asyncio.run(party.begin(REDIRECT))
    assert isinstance(asyncio.run(oidc_provider.party().begin_device()), Waiting)
