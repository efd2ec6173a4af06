import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.oidc import signed
from pgward.ca.login.oidc.errors import UntrustedError
from pgward.ca.login.oidc.key_set import KeySet
from pgward.ca.login.oidc.signed import Header, UnknownKeyError
from pgward.pki.jws import encode
from tests.fixtures.fuzz import fuzz
from tests.fixtures.lying_provider import compact, ec_key, published, rsa_key

BOTH = ("ES256", "RS256")
KEYS = KeySet.read({"keys": [published(ec_key(), "e"), published(rsa_key(), "r")]})


def verify(token, algorithms=BOTH):
    return signed.verify(
        token, signed.header(token, what="token", algorithms=algorithms), KEYS, what="token"
    )


@pytest.mark.parametrize(("key", "kid", "alg"), [(ec_key, "e", "ES256"), (rsa_key, "r", "RS256")])
def test_a_statement_is_verified(key, kid, alg) -> None:
    token = compact({"a": 1}, key(), {"alg": alg, "kid": kid, "typ": "JWT"})
    assert signed.header(token, what="token", algorithms=BOTH) == Header(alg, kid, "jwt")
    assert verify(token) == {"a": 1}


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256", "hs256", "HS512", "", None, 7])
@pytest.mark.parametrize("announced", [BOTH, ("none", "HS256", "HS512", "None", "")])
def test_no_other_algorithm_is_tried(alg, announced) -> None:
    token = compact({"a": 1}, None, {"alg": alg})
    with pytest.raises(UntrustedError, match="not signed with a public key algorithm"):
        verify(token, announced)


@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_a_public_key_is_no_hmac_key(form) -> None:
    public = rsa_key().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = pem if form == "pem" else json.dumps(published(rsa_key(), "r")).encode()
    token = compact({"a": 1}, secret, {"alg": "HS256", "kid": "r"})
    with pytest.raises(UntrustedError, match="not signed with a public key algorithm"):
        verify(token, ("HS256", "RS256"))


def test_the_algorithm_must_be_announced() -> None:
    token = compact({"a": 1}, ec_key(), {"alg": "ES256", "kid": "e"})
    with pytest.raises(UntrustedError, match="another algorithm than announced"):
        verify(token, ("RS256",))


def test_a_key_signs_only_with_its_own_algorithm() -> None:
    token = compact({"a": 1}, ec_key(), {"alg": "RS256", "kid": "e"})
    with pytest.raises(UnknownKeyError):
        verify(token)


def test_a_key_that_the_token_brings_along_is_not_looked_at() -> None:
    stranger = ec_key(9)
    header = {"alg": "ES256", "kid": "e", "jwk": published(stranger), "jku": "https://evil.test"}
    with pytest.raises(UntrustedError, match="the signature of the token does not match"):
        verify(compact({"a": 1}, stranger, header))


def test_an_unknown_key_is_told_apart() -> None:
    with pytest.raises(UnknownKeyError, match="with a key that the provider does not publish"):
        verify(compact({"a": 1}, ec_key(9), {"alg": "ES256", "kid": "new"}))


def test_a_changed_payload_is_noticed() -> None:
    head, _, signature = compact({"a": 1}, ec_key(), {"alg": "ES256", "kid": "e"}).split(".")
    with pytest.raises(UntrustedError, match="does not match"):
        verify(f"{head}.{encode(b'{}')}.{signature}")


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"crit": ["exp"]}, "asks for extensions"),
        ({"b64": False}, "asks for extensions"),
        ({"kid": 7}, "names its key strangely"),
        ({"kid": "x" * 1000}, "names its key strangely"),
    ],
)
def test_strange_headers_are_refused(header, why) -> None:
    with pytest.raises(UntrustedError, match=why):
        verify(compact({"a": 1}, ec_key(), {"alg": "ES256", "kid": "e"} | header))


@pytest.mark.parametrize("payload", [[1], b"", b"\xff", b'{"sub":"a","sub":"b"}', b"NaN"])
def test_only_a_json_object_counts(payload) -> None:
    with pytest.raises(UntrustedError, match="does not hold"):
        verify(compact(payload, ec_key(), {"alg": "ES256", "kid": "e"}))


def test_a_member_twice_in_the_header_is_refused() -> None:
    double = b'{"alg":"ES256","kid":"e","alg":"none"}'
    with pytest.raises(UntrustedError, match="does not hold JSON"):
        verify(compact({"a": 1}, ec_key(), double))


@pytest.mark.parametrize("token", [None, 7, "", "a.b", "a.b.c.d", "ä.b.c", "=.=.=", "." * 2])
def test_what_is_no_token_is_refused(token) -> None:
    with pytest.raises(UntrustedError):
        verify(token)


def test_sizes_are_bounded() -> None:
    token = compact({"a": "x" * signed.MAX_TOKEN}, ec_key(), {"alg": "ES256", "kid": "e"})
    with pytest.raises(UntrustedError, match="longer than 65536 bytes"):
        verify(token)


@fuzz
@given(st.text(alphabet="abcAB01-_.={}") | st.text())
def test_nothing_else_than_its_error_is_raised(token) -> None:
    with pytest.raises(UntrustedError):
        verify(token)
