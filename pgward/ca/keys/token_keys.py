"""Key pairs as PKCS#11 objects: their attributes, and how each type signs.

Data is hashed here and the token gets the hash, as every token can do that, and a large CRL need
not travel. Ed25519 hashes inside.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pkcs11
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils
from pkcs11 import Attribute, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import KeyType as P11Type
from pkcs11 import exceptions as p11

from pgward.ca.keys.pkcs11_uri import Pkcs11Uri
from pgward.core.errors import InvalidInputError
from pgward.pki import key_types
from pgward.pki.key_types import KeyType, SigningHash, VerifyingKey

_P256 = bytes.fromhex("06082a8648ce3d030107")  # OBJECT IDENTIFIER 1.2.840.10045.3.1.7
_P384 = bytes.fromhex("06052b81040022")  # 1.3.132.0.34
_ED25519 = b"\x13\x0cedwards25519"  # PrintableString (PKCS#11 v3.0, section 2.3.5)
_CURVES: dict[bytes, ec.EllipticCurve] = {_P256: ec.SECP256R1(), _P384: ec.SECP384R1()}
_RSA_BITS = {KeyType.RSA3072: 3072, KeyType.RSA4096: 4096}
# DigestInfo of SHA-256, without the hash (RFC 8017 section 9.2, note 1)
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_OCTETS = b"\x04"  # the tag of an OCTET STRING
_PAIR = (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY)
_MAY = MechanismFlag.SIGN | MechanismFlag.VERIFY
_NEVER_OUT = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How a key of one type signs in a token."""

    mechanism: Mechanism
    prepare: Callable[[bytes], bytes]
    finish: Callable[[bytes], bytes]

    def sign(self, private: Any, data: bytes) -> bytes:
        """Return the signature as X.509 has it; raise PKCS11Error."""
        return self.finish(private.sign(self.prepare(data), mechanism=self.mechanism))


@dataclass(frozen=True, slots=True)
class Public:
    """A public key, and how its private half signs."""

    key: VerifyingKey
    algorithm: Algorithm


def find(session: "pkcs11.Session", kind: ObjectClass, uri: Pkcs11Uri) -> Any:
    """Return the one object of a URI; raise NoSuchKey, MultipleObjectsReturned, PKCS11Error."""
    found = _objects(session, kind, uri)
    if not found:
        raise p11.NoSuchKey
    if len(found) > 1:
        raise p11.MultipleObjectsReturned
    return found[0]


def exists(session: "pkcs11.Session", uri: Pkcs11Uri) -> bool:
    """Tell whether a private or public key has this label."""
    return any(_objects(session, kind, uri) for kind in _PAIR)


def _objects(session: "pkcs11.Session", kind: ObjectClass, uri: Pkcs11Uri) -> list[Any]:
    wanted: dict[Attribute, Any] = {Attribute.CLASS: kind}
    if uri.object:
        wanted[Attribute.LABEL] = uri.object
    if uri.id:
        wanted[Attribute.ID] = uri.id
    return list(session.get_objects(wanted))  # all: a search that is left off blocks its session


def generate(session: "pkcs11.Session", label: str, key_type: KeyType) -> Any:
    """Make a pair that stays in the token; return the public object; raise PKCS11Error."""
    options: dict[str, Any] = {
        "id": secrets.token_bytes(16),
        "label": label,
        "store": True,
        "capabilities": _MAY,
        "private_template": _NEVER_OUT,
    }
    if key_type in _RSA_BITS:
        return session.generate_keypair(P11Type.RSA, _RSA_BITS[key_type], **options)[0]
    kind, curve = {
        KeyType.P256: (P11Type.EC, _P256),
        KeyType.P384: (P11Type.EC, _P384),
        KeyType.ED25519: (P11Type.EC_EDWARDS, _ED25519),
    }[key_type]
    domain = session.create_domain_parameters(kind, {Attribute.EC_PARAMS: curve}, local=True)
    return domain.generate_keypair(**options)[0]


def destroy(session: "pkcs11.Session", uri: Pkcs11Uri) -> None:
    """Remove both halves of a pair; raise PKCS11Error."""
    for kind in _PAIR:
        for found in _objects(session, kind, uri):
            found.destroy()


def public_key(session: "pkcs11.Session", private: Any, uri: Pkcs11Uri) -> Any:
    """Return the public object of a pair, or the private one, which may tell the same."""
    try:
        return find(session, ObjectClass.PUBLIC_KEY, uri)
    except p11.NoSuchKey:
        return private


def read(found: Any) -> Public:
    """Read a public key from an object's attributes; raise InvalidInputError, PKCS11Error."""
    try:
        key = key_types.verifying(_read(found))
    except (p11.AttributeTypeInvalid, p11.AttributeSensitive, UnsupportedAlgorithm) as error:
        raise InvalidInputError(
            "the token does not show the public half of the key",
            hint="import the public key with the same label and id",
        ) from error
    except (ValueError, KeyError) as error:
        raise InvalidInputError("the token's public key cannot be read") from error
    return Public(key, _algorithm(key))


def _read(found: Any) -> Any:
    kind = found.key_type
    if kind is P11Type.RSA:
        modulus = int.from_bytes(found[Attribute.MODULUS])
        return rsa.RSAPublicNumbers(
            int.from_bytes(found[Attribute.PUBLIC_EXPONENT]), modulus
        ).public_key()
    point = bytes(found[Attribute.EC_POINT])
    if kind is P11Type.EC_EDWARDS:
        return ed25519.Ed25519PublicKey.from_public_bytes(_unwrap(point, 32))
    curve = _CURVES[bytes(found[Attribute.EC_PARAMS])]
    size = 1 + 2 * ((curve.key_size + 7) // 8)
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, _unwrap(point, size))


def _unwrap(point: bytes, size: int) -> bytes:
    """Take off the OCTET STRING around a point, which some tokens leave out."""
    return point[2:] if len(point) == size + 2 and point[:1] == _OCTETS else point


def _algorithm(key: VerifyingKey) -> Algorithm:
    hashed = key_types.signing_hash(key)
    if hashed is None:
        return Algorithm(Mechanism.EDDSA, bytes, bytes)
    if isinstance(key, rsa.RSAPublicKey):
        return Algorithm(
            Mechanism.RSA_PKCS, lambda data: _SHA256_INFO + _digest(hashed, data), bytes
        )
    return Algorithm(Mechanism.ECDSA, lambda data: _digest(hashed, data), _ecdsa_der)


def _digest(algorithm: SigningHash, data: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()


def _ecdsa_der(signature: bytes) -> bytes:
    """Turn r and s of equal length into the DER that X.509 has (RFC 3279 section 2.2.3)."""
    half = len(signature) // 2
    r, s = (int.from_bytes(part) for part in (signature[:half], signature[half:]))
    return utils.encode_dss_signature(r, s)
