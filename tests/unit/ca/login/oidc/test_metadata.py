from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.oidc import metadata
from pgward.ca.login.oidc.errors import UntrustedError
from pgward.ca.login.oidc.metadata import Metadata
from pgward.core.errors import InvalidInputError
from tests.fixtures.authority import MovableClock
from tests.fixtures.fuzz import fuzz
from tests.fixtures.lying_provider import ISSUER, LyingProvider

HONEST = LyingProvider(MovableClock()).metadata()


def test_what_a_provider_says_is_read() -> None:
    assert Metadata.read(HONEST, issuer=ISSUER) == Metadata(
        issuer=ISSUER,
        authorization_endpoint=f"{ISSUER}/auth",
        token_endpoint=f"{ISSUER}/token",
        jwks_uri=f"{ISSUER}/jwks",
        userinfo_endpoint=f"{ISSUER}/me",
        device_authorization_endpoint=f"{ISSUER}/device",
        end_session_endpoint=None,
        algorithms=("ES256", "RS256"),
        client_auth=("client_secret_basic",),
        scopes=(),
        pkce=(),
        sends_issuer=True,
        logs_out=False,
    )


@pytest.mark.parametrize("issuer", [f"{ISSUER}/", "https://IDP.test", "https://evil.test", None, 7])
def test_another_issuer_is_refused(issuer) -> None:
    with pytest.raises(UntrustedError, match="names another issuer than the configured one"):
        Metadata.read(HONEST | {"issuer": issuer}, issuer=ISSUER)


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.test/token",
        "https://user@idp.test/token",
        "https:///token",
        "https://idp.test/a b",
        "https://idp.test:99999/",
        "file:///etc/passwd",
        "//idp.test/token",
        "https://idp.test/token#part",
        "https://\u0131dp.test/",
        f"https://idp.test/{'a' * 3000}",
        None,
        ["https://idp.test/token"],
    ],
)
def test_endpoints_are_https_addresses(url) -> None:
    with pytest.raises(UntrustedError, match="no HTTPS address as token_endpoint"):
        Metadata.read(HONEST | {"token_endpoint": url}, issuer=ISSUER)


def test_endless_lists_are_refused() -> None:
    document = HONEST | {"scopes_supported": ["x"] * 10_000}
    with pytest.raises(UntrustedError, match="no short list as scopes_supported"):
        Metadata.read(document, issuer=ISSUER)


def test_what_is_absent_is_as_the_standard_says() -> None:
    document = {
        name: HONEST[name]
        for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
    }
    read = Metadata.read(document, issuer=ISSUER)
    assert (read.algorithms, read.userinfo_endpoint, read.sends_issuer) == (("RS256",), None, False)


@pytest.mark.parametrize(
    "text", ["http://idp.test", "https://idp.test?x", "https://idp.test/#x", "idp.test", ""]
)
def test_an_issuer_is_an_https_address_without_query(text) -> None:
    with pytest.raises(InvalidInputError, match="is not an issuer"):
        metadata.issuer_url(text)


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://idp.test", "https://idp.test/.well-known/openid-configuration"),
        ("https://idp.test/", "https://idp.test/.well-known/openid-configuration"),
        ("https://idp.test/realms/a", "https://idp.test/realms/a/.well-known/openid-configuration"),
    ],
)
def test_metadata_is_below_the_issuer(issuer, expected) -> None:
    assert metadata.discovery_url(metadata.issuer_url(issuer)) == expected


@fuzz
@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), st.lists))
def test_nothing_else_than_its_error_is_raised(value) -> None:
    for name in HONEST:
        if name != "issuer":
            with suppress(UntrustedError):
                Metadata.read(HONEST | {name: value}, issuer=ISSUER)


@pytest.mark.parametrize(
    ("told", "page"),
    [
        (f"{ISSUER}/end", f"{ISSUER}/end"),
        *[(wrong, None) for wrong in ("http://idp.test/end", "javascript:1", f"{ISSUER}/#x", 7)],
    ],
)
def test_a_strange_page_to_log_out_keeps_nobody_from_logging_in(told, page) -> None:
    found = Metadata.read(HONEST | {"end_session_endpoint": told}, issuer=ISSUER)
    assert found.end_session_endpoint == page
