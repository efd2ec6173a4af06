from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.oidc import id_token
from pgward.ca.login.oidc.errors import UntrustedError
from pgward.ca.login.oidc.id_token import Expected
from pgward.ca.login.oidc.signed import Header
from tests.fixtures.authority import START
from tests.fixtures.fuzz import fuzz
from tests.fixtures.lying_provider import CLIENT, ISSUER, at_hash

NOW = int(START.timestamp())
HEADER = Header("ES256", "k1", None)
HONEST = {"iss": ISSUER, "aud": CLIENT, "sub": "s", "iat": NOW, "exp": NOW + 300, "nonce": "n"}
EXPECTED = Expected(issuer=ISSUER, client_id=CLIENT, now=START, nonce="n", access_token="at")


def check(expected: Expected = EXPECTED, header: Header = HEADER, **claims: Any) -> None:
    told = HONEST | claims
    id_token.check({k: v for k, v in told.items() if v is not None}, header, expected)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "other"], "azp": CLIENT},
        {"azp": CLIENT},
        {"at_hash": at_hash("at")},
        {"exp": NOW - 59, "iat": NOW - 300},
        {"iat": NOW + 59, "nbf": NOW + 60},
        {"exp": NOW + 0.5},
        {"sub": "x" * 255},
    ],
)
def test_an_honest_token_is_believed(claims) -> None:
    check(**claims)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://evil.test"}, "is another issuer's"),
        ({"iss": f"{ISSUER}/"}, "is another issuer's"),
        ({"iss": None}, "is another issuer's"),
        ({"aud": "other"}, "is for another client"),
        ({"aud": ["other"]}, "is for another client"),
        ({"aud": None}, "is for another client"),
        ({"aud": f"{CLIENT}2"}, "is for another client"),
        ({"aud": {CLIENT: 1}}, "is for another client"),
        ({"aud": [CLIENT, "other"]}, "is for several clients"),
        ({"azp": "other"}, "was given to another client"),
        ({"aud": [CLIENT, "other"], "azp": "other"}, "was given to another client"),
        ({"exp": None}, "never expires"),
        ({"exp": NOW - 60}, "expired 60 s ago"),
        ({"exp": "soon"}, "no time as exp"),
        ({"exp": True}, "no time as exp"),
        ({"exp": 1e300}, "no time as exp"),
        ({"iat": None}, "does not say when it was made"),
        ({"iat": NOW + 61}, "valid only in 61 s: one of the clocks is wrong"),
        ({"nbf": NOW + 3600}, "valid only in 3600 s"),
        ({"nonce": "m"}, "belongs to another login"),
        ({"nonce": None}, "belongs to another login"),
        ({"nonce": 7}, "belongs to another login"),
        ({"nonce": "ñ"}, "belongs to another login"),
        ({"sub": None}, "does not say who"),
        ({"sub": ""}, "does not say who"),
        ({"sub": 7}, "does not say who"),
        ({"sub": "x" * 256}, "does not say who"),
        ({"sub": "a\nb"}, "strange name"),
        ({"sub": "ä"}, "strange name"),
        ({"at_hash": at_hash("other")}, "belongs to another access token"),
        ({"at_hash": 7}, "belongs to another access token"),
    ],
)
def test_a_lie_is_named(claims, why) -> None:
    with pytest.raises(UntrustedError, match=why):
        check(**claims)


def test_a_refreshed_token_is_about_the_same_person() -> None:
    again = Expected(issuer=ISSUER, client_id=CLIENT, now=START, subject="s")
    check(again, nonce=None)
    with pytest.raises(UntrustedError, match="about another person than before"):
        check(again, sub="t")


def test_a_hash_needs_its_access_token() -> None:
    with pytest.raises(UntrustedError, match="came without the access token"):
        check(Expected(issuer=ISSUER, client_id=CLIENT, now=START, nonce="n"), at_hash="x")


def test_the_hash_is_the_algorithms() -> None:
    # The example of Core 1.0 appendix A.3 is SHA-256; longer ones halve longer hashes.
    for algorithm, length in (("RS384", 32), ("PS512", 43), ("EdDSA", 43)):
        with pytest.raises(UntrustedError, match="belongs to another access token"):
            check(header=Header(algorithm, None, None), at_hash=at_hash("at"))
        assert length > len(at_hash("at"))
    spec = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
    example = Expected(issuer=ISSUER, client_id=CLIENT, now=START, nonce="n", access_token=spec)
    check(example, Header("RS256", None, None), at_hash="77QmUPtjPfzWtF2AnpK9RQ")


@pytest.mark.parametrize(
    ("sid", "expected"), [("x", "x"), (None, None), ("", None), (7, None), ("x" * 256, None)]
)
def test_the_providers_login_is_known_by_sid(sid, expected) -> None:
    assert id_token.login_of({"sid": sid}) == expected


@fuzz
@given(
    st.dictionaries(
        st.sampled_from([*HONEST, "azp", "nbf", "at_hash"]),
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.lists(st.text()),
    )
)
def test_nothing_else_than_its_error_is_raised(claims) -> None:
    with suppress(UntrustedError):
        id_token.check(HONEST | claims, HEADER, EXPECTED)


def test_when_a_token_was_made_is_told() -> None:
    made = id_token.check_times({"iat": NOW - 5}, START, what="token", must_expire=False)
    assert made == START - timedelta(seconds=5)


@pytest.mark.parametrize("sid", ["", "x" * 256, "a\0b", 7, None])
def test_strange_names_of_logins_are_none(sid):
    assert id_token.login_of({"sid": sid}) is None
    assert id_token.login_of({"sid": "s-1"}) == "s-1"
