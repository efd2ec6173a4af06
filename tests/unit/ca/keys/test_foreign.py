import copy

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from pgward.ca.keys import foreign
from pgward.ca.keys.errors import SigningError
from pgward.ca.keys.signer import KeySigner
from pgward.pki import key_types
from pgward.pki.key_types import KeyType
from tests.fixtures.signed import sign_everything

TYPES = [KeyType.P256, KeyType.P384, KeyType.ED25519, KeyType.RSA3072]


def raw(key, data: bytes) -> bytes:
    """Sign as a token does: the key, the data, and nothing to choose."""
    algorithm = key_types.signing_hash(key.public_key())
    if algorithm is None:
        return key.sign(data)
    if hasattr(key, "curve"):
        return key.sign(data, ec.ECDSA(algorithm))
    return key.sign(data, padding.PKCS1v15(), algorithm)


@pytest.fixture(params=TYPES, scope="module")
def key(request):
    return key_types.generate(request.param)


def test_everything_that_a_ca_signs_verifies(key):
    adopted = foreign.adopt(key.public_key(), lambda data: raw(key, data), "the token")
    signer = KeySigner(adopted)
    assert signer.public_key == key.public_key()
    sign_everything(signer)


@pytest.mark.parametrize(
    "lie", [lambda made: made[:-1], lambda _: b"", lambda _: b"\x30\x00", lambda made: made + b"x"]
)
def test_a_signature_that_does_not_verify_goes_nowhere(key, lie):
    adopted = foreign.adopt(key.public_key(), lambda data: lie(raw(key, data)), "the token")
    with pytest.raises(SigningError, match="the token made a signature that its public key"):
        sign_everything(KeySigner(adopted))


def test_a_signature_of_something_else_goes_nowhere(key):
    adopted = foreign.adopt(key.public_key(), lambda data: raw(key, b"x" + data), "the token")
    with pytest.raises(SigningError, match="the token made a signature that its public key"):
        sign_everything(KeySigner(adopted))


def test_another_way_of_signing_is_refused():
    ecdsa = foreign.adopt(key_types.generate(KeyType.P256).public_key(), bytes, "it")
    with pytest.raises(SigningError, match="cannot be used in this way"):
        ecdsa.sign(b"", ec.ECDSA(hashes.SHA384()))
    rsa = foreign.adopt(key_types.generate(KeyType.RSA3072).public_key(), bytes, "it")
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    with pytest.raises(SigningError, match="cannot be used in this way"):
        rsa.sign(b"", pss, hashes.SHA256())


def test_the_private_half_is_not_there(key):
    adopted = foreign.adopt(key.public_key(), bytes, "it")
    with pytest.raises(SigningError, match="cannot be used in this way"):
        adopted.private_bytes(None, None, None)
    assert repr(adopted) == "<foreign key it>"
    assert copy.deepcopy(adopted) is copy.copy(adopted) is adopted
