import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import import_key

from pgward.ca.acme import jwk
from pgward.ca.acme.problems import AcmeError
from pgward.pki import keys
from pgward.pki.jws import encode
from tests.fixtures.acme_client import algorithm_of, jwk_of, sign
from tests.fixtures.fuzz import fuzz

KEYS = {
    "ES256": keys.generate(),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "RS256": rsa.generate_private_key(65537, 2048),
}
P256 = jwk_of(KEYS["ES256"])
RSA = jwk_of(KEYS["RS256"])


@pytest.mark.parametrize("algorithm", KEYS)
def test_each_kind_of_key_verifies_its_own_signatures(algorithm):
    private = KEYS[algorithm]
    key = jwk.read(jwk_of(private) | {"use": "sig", "kid": "x", "alg": "whatever"})
    assert (key.algorithm, key.members) == (algorithm, jwk_of(private))
    signature = sign(private, b"text")
    key.verify(algorithm, b"text", signature)
    for bad in (b"", signature[:-1], signature + b"x", bytes(len(signature))):
        with pytest.raises(AcmeError, match="does not match"):
            key.verify(algorithm, b"text", bad)
    with pytest.raises(AcmeError, match="does not match"):
        key.verify(algorithm, b"other", signature)


@pytest.mark.parametrize("other", ["none", "HS256", "ES384", "RS256", "ES256K", ""])
def test_a_key_has_one_algorithm(other):
    key = jwk.read(P256)
    with pytest.raises(AcmeError) as caught:
        key.verify(other, b"text", sign(KEYS["ES256"], b"text"))
    assert (caught.value.kind, caught.value.algorithms) == (
        "badSignatureAlgorithm",
        ("ES256", "ES384", "EdDSA", "RS256"),
    )


@pytest.mark.parametrize("algorithm", KEYS)
def test_the_thumbprint_is_that_of_rfc_7638(algorithm):
    members = jwk_of(KEYS[algorithm])
    assert jwk.read(members).thumbprint == import_key(members).thumbprint()


def test_the_store_knows_it_by_its_public_key():
    assert jwk.read(P256).spki_sha256 == keys.spki_sha256(KEYS["ES256"].public_key())


def _number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "malformed"),
        ([], "malformed"),
        ({}, "badPublicKey"),
        ({"kty": "oct", "k": "AAAA"}, "badPublicKey"),
        ({"kty": ["RSA"]}, "badPublicKey"),
        (P256 | {"d": "AAAA"}, "badPublicKey"),
        (P256 | {"crv": "P-521"}, "badPublicKey"),
        (P256 | {"crv": "secp256k1"}, "badPublicKey"),
        (P256 | {"x": P256["y"], "y": P256["x"]}, "badPublicKey"),
        (P256 | {"x": P256["x"] + "="}, "badPublicKey"),
        (P256 | {"x": encode(bytes(31))}, "badPublicKey"),
        (P256 | {"x": 5}, "badPublicKey"),
        ({"kty": "EC", "crv": "P-256", "x": P256["x"]}, "badPublicKey"),
        ({"kty": "OKP", "crv": "X25519", "x": encode(bytes(32))}, "badPublicKey"),
        ({"kty": "OKP", "crv": "Ed25519", "x": encode(bytes(31))}, "badPublicKey"),
        (RSA | {"n": _number(2**1023 + 1)}, "badPublicKey"),
        (RSA | {"n": _number(2**4096 + 1)}, "badPublicKey"),
        (RSA | {"n": _number(2**2047 + 2)}, "badPublicKey"),
        (RSA | {"n": encode(b"\0" + bytes(255) + b"\1")}, "badPublicKey"),
        (RSA | {"e": _number(3)}, "badPublicKey"),
        (RSA | {"e": _number(2**40 + 1)}, "badPublicKey"),
        (RSA | {"e": ""}, "badPublicKey"),
    ],
)
def test_other_keys_are_refused(value, kind):
    with pytest.raises(AcmeError) as caught:
        jwk.read(value)
    assert caught.value.kind == kind


_MEMBERS = st.dictionaries(
    st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d"]),
    st.sampled_from(["EC", "RSA", "OKP", "P-256", "Ed25519", "AQAB", ""]) | st.text() | st.none(),
)


@fuzz
@given(_MEMBERS | st.recursive(st.none() | st.text(), st.lists))
def test_whatever_comes_there_is_one_kind_of_error(value):
    with contextlib.suppress(AcmeError):
        jwk.read(value)


def test_the_test_client_names_algorithms_as_the_server_does():
    assert [algorithm_of(key) for key in KEYS.values()] == list(jwk.ALGORITHMS)
