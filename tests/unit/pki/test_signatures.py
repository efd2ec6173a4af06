import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from pgward.pki import signatures

KEYS = {
    "p256": (ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()),
    "p384": (ec.generate_private_key(ec.SECP384R1()), hashes.SHA384()),
    "rsa": (rsa.generate_private_key(65537, 2048), hashes.SHA256()),
    "ed25519": (ed25519.Ed25519PrivateKey.generate(), None),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_signature_verifies_for_its_bytes_and_key_only(kind):
    key, algorithm = KEYS[kind]
    made = signatures.sign(key, b"data", algorithm)
    assert signatures.verifies(key.public_key(), made, b"data", algorithm)
    assert not signatures.verifies(key.public_key(), made, b"other", algorithm)
    for other, (stranger, _) in KEYS.items():
        if other != kind:
            assert not signatures.verifies(stranger.public_key(), made, b"data", algorithm)


def test_a_key_that_cannot_sign_verifies_nothing():
    key = x25519.X25519PrivateKey.generate().public_key()
    assert not signatures.verifies(key, b"x", b"data", None)
