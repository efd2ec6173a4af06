import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from pgward.pki import key_types, keys
from pgward.pki.errors import BadKeyError
from pgward.pki.key_types import KeyType


@pytest.mark.parametrize("key_type", [KeyType.P256, KeyType.P384, KeyType.ED25519, KeyType.RSA3072])
def test_what_is_made_is_of_its_type(key_type):
    assert key_types.of(key_types.generate(key_type).public_key()) is key_type


@pytest.mark.parametrize(
    ("bits", "expected"),
    [(3072, KeyType.RSA3072), (4095, KeyType.RSA3072), (4096, KeyType.RSA4096)],
)
def test_rsa_counts_by_its_size(bits, expected):
    modulus = (1 << bits) - 1  # no key, and of this size: making one takes seconds
    assert key_types.of(rsa.RSAPublicNumbers(65537, modulus).public_key()) is expected


def test_the_default_is_what_leaves_get():
    assert key_types.parse("p256") is KeyType.P256


def test_an_unknown_type_is_refused():
    with pytest.raises(BadKeyError, match="'rsa1024' is not a type of key") as caught:
        key_types.parse("rsa1024")
    assert caught.value.hint == "use one of p256, p384, ed25519, rsa3072, rsa4096"


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ec.generate_private_key(ec.SECP521R1()),
        ed448.Ed448PrivateKey.generate,
        lambda: dsa.generate_private_key(1024),
    ],
    ids=["rsa2048", "secp256k1", "p521", "ed448", "dsa"],
)
def test_other_keys_are_not_a_cas(make):
    key = make()
    for refuse in (key_types.of, key_types.verifying):
        with pytest.raises(BadKeyError, match="a CA cannot have a key of this type"):
            refuse(key.public_key())
    with pytest.raises(BadKeyError, match="a CA cannot have a key of this type"):
        key_types.from_pem(keys.to_pem(key, b"secret"), b"secret")


def test_a_weak_exponent_is_refused():
    key = rsa.RSAPublicNumbers(3, (1 << 3072) - 1).public_key()
    with pytest.raises(BadKeyError, match="exponent"):
        key_types.of(key)


def test_each_type_has_one_hash():
    p384 = ec.generate_private_key(ec.SECP384R1()).public_key()
    assert isinstance(key_types.signing_hash(p384), hashes.SHA384)
    assert isinstance(key_types.signing_hash(keys.generate().public_key()), hashes.SHA256)
    ed = ed25519.Ed25519PrivateKey.generate().public_key()
    assert key_types.signing_hash(ed) is None


@pytest.mark.parametrize("key_type", [KeyType.P256, KeyType.P384, KeyType.ED25519, KeyType.RSA3072])
def test_what_is_written_is_read_back(key_type):
    key = key_types.generate(key_type)
    read = key_types.from_pem(keys.to_pem(key, b"secret"), b"secret")
    assert read.public_key() == key.public_key()
