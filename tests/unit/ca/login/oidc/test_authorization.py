from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.oidc import authorization
from pgward.ca.login.oidc.authorization import Begun
from pgward.ca.login.oidc.errors import RefusedError, UntrustedError
from pgward.ca.login.oidc.metadata import Metadata
from pgward.core.errors import InvalidInputError
from tests.fixtures.authority import MovableClock
from tests.fixtures.fuzz import fuzz
from tests.fixtures.lying_provider import CLIENT, ISSUER, REDIRECT, LyingProvider

BEGUN = Begun(REDIRECT, "state", "nonce", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
ANSWER = {"code": "c", "state": "state", "iss": ISSUER}


def metadata(**document) -> Metadata:
    told = LyingProvider(MovableClock(), document=document).metadata()
    return Metadata.read(told, issuer=ISSUER)


@pytest.mark.parametrize("uri", [REDIRECT, "http://[::1]:1024/callback"])
def test_a_browser_goes_back_to_loopback(uri) -> None:
    assert authorization.check_redirect(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "https://127.0.0.1:43210/callback",
        "http://127.0.0.1/callback",
        "http://localhost:43210/callback",
        "http://127.0.0.1:43210/callback?x",
        "http://127.0.0.1:43210/callback#x",
        "http://127.0.0.1:43210/other",
        "http://127.0.0.1:043210/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1.evil.test:80/callback",
        "http://x@127.0.0.1:43210/callback",
        "http://evil.test:43210/callback",
        "http://127.0.0.1:43210/callback\n",
        "pgward://callback",
        "http://[::1:43210/callback",
        "",
        None,
        7,
    ],
)
def test_and_nowhere_else(uri) -> None:
    with pytest.raises(InvalidInputError, match="is not an address on loopback"):
        authorization.check_redirect(uri)


def test_some_providers_accept_few_ports() -> None:
    assert authorization.check_redirect(REDIRECT, [43210]) == REDIRECT
    with pytest.raises(InvalidInputError, match="does not accept port 43210") as refused:
        authorization.check_redirect(REDIRECT, [8400, 8401])
    assert refused.value.hint == "listen on 8400, 8401"


def test_the_address_asks_for_a_code_with_pkce() -> None:
    url = authorization.url(
        metadata(), CLIENT, ["openid", "email"], BEGUN, {"hd": "x", "state": "y"}
    )
    parts = urlsplit(url)
    assert url.startswith(f"{ISSUER}/auth?")
    assert parse_qs(parts.query) == {
        "hd": ["x"],
        "response_type": ["code"],
        "client_id": [CLIENT],
        "redirect_uri": [REDIRECT],
        "scope": ["openid email"],
        "state": ["state"],
        "nonce": ["nonce"],
        # RFC 7636 appendix B
        "code_challenge": ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
        "code_challenge_method": ["S256"],
    }


def test_offline_access_asks_for_consent() -> None:
    url = authorization.url(metadata(), CLIENT, ["openid", "offline_access"], BEGUN, {})
    assert parse_qs(urlsplit(url).query)["prompt"] == ["consent"]


def test_an_endpoint_may_have_a_query() -> None:
    told = metadata(authorization_endpoint=f"{ISSUER}/auth?tenant=1")
    url = authorization.url(told, CLIENT, ["openid"], BEGUN, {})
    assert parse_qs(urlsplit(url).query)["tenant"] == ["1"]


def test_each_login_has_its_own_secrets() -> None:
    one, two = Begun.new(REDIRECT), Begun.new(REDIRECT)
    assert len({one.state, one.nonce, one.verifier, two.state, two.nonce, two.verifier}) == 6
    assert 43 <= len(one.verifier) <= 128
    assert Begun.from_state(one.to_state()) == one


def test_the_code_is_read() -> None:
    assert authorization.code_of(ANSWER, BEGUN, metadata()) == "c"
    older = metadata(authorization_response_iss_parameter_supported=None)
    assert authorization.code_of({"code": "c", "state": "state"}, BEGUN, older) == "c"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": "other"}, "from another login"),
        ({"state": None}, "from another login"),
        ({"state": "stät"}, "from another login"),
        ({"iss": "https://evil.test"}, "from another identity provider"),
        ({"iss": f"{ISSUER}/"}, "from another identity provider"),
        ({"iss": None}, "without the name of its provider"),
        ({"code": None}, "without a code"),
        ({"code": ""}, "without a code"),
        ({"code": "x" * 10_000}, "without a code"),
    ],
)
def test_a_lie_is_named(changes, why) -> None:
    with pytest.raises(UntrustedError, match=why):
        authorization.code_of(ANSWER | changes, BEGUN, metadata())


def test_an_issuer_is_checked_also_when_it_was_not_announced() -> None:
    older = metadata(authorization_response_iss_parameter_supported=None)
    with pytest.raises(UntrustedError, match="from another identity provider"):
        authorization.code_of(ANSWER | {"iss": "https://evil.test"}, BEGUN, older)


def test_a_refusal_says_what_the_provider_said() -> None:
    with pytest.raises(RefusedError, match="refused: access_denied"):
        authorization.code_of(ANSWER | {"error": "access_denied"}, BEGUN, metadata())


@fuzz
@given(st.text() | st.none() | st.integers())
def test_error_codes_are_words(value) -> None:
    assert authorization.error_code(value).replace("_", "").isprintable()
    assert authorization.error_code("a\x1b[31m") == "it gave a strange reason"


def test_no_secret_of_a_login_is_shown():
    begun = Begun.new(REDIRECT)
    assert not any(each in repr(begun) for each in (begun.state, begun.nonce, begun.verifier))
