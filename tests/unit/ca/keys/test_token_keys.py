import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from pkcs11 import Attribute, Mechanism
from pkcs11 import KeyType as P11Type
from pkcs11 import exceptions as p11

from pgward.ca.keys import token_keys
from pgward.core.errors import InvalidInputError
from pgward.pki import key_types
from pgward.pki.errors import BadKeyError
from pgward.pki.key_types import KeyType

P256, P521 = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06052b81040023")


class Found(dict):
    """An object's attributes; ``key_type`` is PKCS#11's."""

    def __init__(self, key_type, attributes):
        super().__init__(attributes)
        self.key_type = key_type

    def __missing__(self, _):
        raise p11.AttributeTypeInvalid


def point(key) -> bytes:
    if hasattr(key, "curve"):
        uncompressed = serialization.PublicFormat.UncompressedPoint
        return key.public_bytes(serialization.Encoding.X962, uncompressed)
    return key.public_bytes_raw()


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(
    ("key_type", "kind", "mechanism"),
    [
        (KeyType.P256, P11Type.EC, Mechanism.ECDSA),
        (KeyType.ED25519, P11Type.EC_EDWARDS, Mechanism.EDDSA),
    ],
)
def test_a_point_is_read_with_and_without_what_is_around_it(key_type, kind, mechanism, wrapped):
    key = key_types.generate(key_type).public_key()
    bare = point(key)
    written = bytes([4, len(bare)]) + bare if wrapped else bare
    read = token_keys.read(Found(kind, {Attribute.EC_POINT: written, Attribute.EC_PARAMS: P256}))
    assert (read.key, read.algorithm.mechanism) == (key, mechanism)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({Attribute.EC_PARAMS: P256}, "does not show the public half"),
        ({Attribute.EC_PARAMS: P521, Attribute.EC_POINT: b"\x04"}, "cannot be read"),
        ({Attribute.EC_PARAMS: P256, Attribute.EC_POINT: b"\x04" + bytes(64)}, "cannot be read"),
        ({Attribute.EC_PARAMS: P256, Attribute.EC_POINT: b""}, "cannot be read"),
    ],
)
def test_what_is_no_public_key_is_told(attributes, message):
    with pytest.raises(InvalidInputError, match=message):
        token_keys.read(Found(P11Type.EC, attributes))


def test_an_rsa_key_that_is_too_small_is_refused():
    attributes = {Attribute.MODULUS: b"\xff" * 256, Attribute.PUBLIC_EXPONENT: b"\1\0\1"}
    with pytest.raises(BadKeyError, match="a CA cannot have a key of this type"):
        token_keys.read(Found(P11Type.RSA, attributes))


def test_a_raw_ecdsa_signature_becomes_der():
    key = key_types.generate(KeyType.P384)
    r, s = utils.decode_dss_signature(key.sign(b"data", ec.ECDSA(hashes.SHA384())))

    class Private:
        @staticmethod
        def sign(digest, *, mechanism):
            assert (len(digest), mechanism) == (48, Mechanism.ECDSA)
            return r.to_bytes(48) + s.to_bytes(48)

    made = token_keys._algorithm(key.public_key()).sign(Private, b"data")
    key.public_key().verify(made, b"data", ec.ECDSA(hashes.SHA384()))
