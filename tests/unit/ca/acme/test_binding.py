import hashlib
import hmac

import pytest

from pgward.ca.acme import binding, jwk
from pgward.ca.acme.problems import AcmeError
from pgward.pki import keys
from pgward.pki.jws import encode
from tests.fixtures import acme_client
from tests.fixtures.acme_client import flattened, jwk_of

SECRET = b"s" * 32
URL = "https://ca/acme/new-account"
PRIVATE = keys.generate()
KEY = jwk.read(jwk_of(PRIVATE))


def _made(**changes):
    return acme_client.binding("kid1", encode(SECRET), PRIVATE, URL, **changes)


def test_a_binding_names_its_key_and_holds():
    kid, message = binding.read(_made(), URL, KEY)
    assert kid == "kid1"
    binding.verify(message, SECRET)
    with pytest.raises(AcmeError, match="unknown, or its HMAC key is another"):
        binding.verify(message, b"t" * 32)


@pytest.mark.parametrize("name", ["sha384", "sha512"])
def test_longer_macs_are_taken(name):
    value = _made(alg=f"HS{name[3:]}")
    signed = f"{value['protected']}.{value['payload']}".encode()
    mac = hmac.new(SECRET, signed, getattr(hashlib, name)).digest()
    _, message = binding.read(value | {"signature": encode(mac)}, URL, KEY)
    binding.verify(message, SECRET)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (None, "not an object"),
        ({}, "missing"),
        (_made(alg="ES256"), "needs a MAC"),
        (_made(alg="none"), "needs a MAC"),
        (_made(url="https://ca/acme/other"), "another url"),
        (_made(nonce="n"), "has a nonce"),
        (_made(jwk=jwk_of(PRIVATE)), "needs kid, and no jwk"),
        (flattened(SECRET, {"alg": "HS256", "url": URL}, jwk_of(PRIVATE)), "needs kid"),
        (flattened(SECRET, {"alg": "HS256", "kid": "k", "url": URL}, {}), "not supported"),
        (
            flattened(SECRET, {"alg": "HS256", "kid": "k", "url": URL}, jwk_of(keys.generate())),
            "another account key",
        ),
    ],
)
def test_other_bindings_are_refused(value, what):
    with pytest.raises(AcmeError, match=what):
        binding.read(value, URL, KEY)
