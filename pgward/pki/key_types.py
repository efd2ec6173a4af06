"""The types of key that a CA may have, and the one signature algorithm that goes with each.

P-256 unless somebody chooses otherwise. An Ed25519 CA must not sign the certificates of
PostgreSQL servers: SCRAM channel binding needs the hash of the signature, and Ed25519 names none.
"""

from collections.abc import Callable
from enum import StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    PrivateKeyTypes,
    PublicKeyTypes,
)

from pgward.pki import keys
from pgward.pki.errors import BadKeyError

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
VerifyingKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
SigningHash = hashes.SHA256 | hashes.SHA384

_EXPONENT = 65537
_MIN_CA_RSA_BITS = 3072
_THROW_AWAY_RSA_BITS = 2048


class KeyType(StrEnum):
    """What a CA's key can be, as settings and ``--key-type`` name it."""

    P256 = "p256"
    P384 = "p384"
    ED25519 = "ed25519"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"


def parse(text: str) -> KeyType:
    """Read a key type; raise BadKeyError."""
    try:
        return KeyType(text)
    except ValueError as error:
        known = ", ".join(KeyType)
        raise BadKeyError(f"{text!r} is not a type of key", hint=f"use one of {known}") from error


def generate(key_type: KeyType) -> SigningKey:
    """Make a key of this type in memory."""
    return _MAKERS[key_type]()


def generate_like(key: VerifyingKey) -> SigningKey:
    """Make a throw-away key whose signatures name the same algorithm.

    An RSA one is smaller, as making a large one takes seconds.
    """
    if isinstance(key, rsa.RSAPublicKey):
        return _rsa(_THROW_AWAY_RSA_BITS)
    return generate(of(key))


def of(key: PublicKeyTypes) -> KeyType:
    """Tell the type of a public key; raise BadKeyError for one that no CA here may have.

    A larger RSA key counts as the next smaller type: it signs the same way.
    """
    if isinstance(key, ed25519.Ed25519PublicKey):
        return KeyType.ED25519
    if isinstance(key, ec.EllipticCurvePublicKey):
        for curve, key_type in _CURVES.items():
            if isinstance(key.curve, curve):
                return key_type
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_CA_RSA_BITS:
        keys.check_public(key)
        return KeyType.RSA4096 if key.key_size >= 4096 else KeyType.RSA3072  # noqa: PLR2004
    raise BadKeyError(
        "a CA cannot have a key of this type",
        hint=f"use P-256, P-384, Ed25519, or RSA of at least {_MIN_CA_RSA_BITS} bits",
    )


def verifying(key: PublicKeyTypes) -> VerifyingKey:
    """Return ``key`` if a CA may have it; raise BadKeyError."""
    of(key)
    if not isinstance(key, VerifyingKey):
        raise BadKeyError("a CA cannot have a key of this type")
    return key


def signing_hash(key: VerifyingKey) -> SigningHash | None:
    """Return the hash that a CA with this key signs with; None for Ed25519."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return None
    p384 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1)
    return hashes.SHA384() if p384 else hashes.SHA256()


def from_pem(data: bytes, passphrase: bytes | None) -> SigningKey:
    """Read a CA's key (PKCS#8 PEM); raise BadKeyError."""
    key: PrivateKeyTypes = keys.read_private(data, passphrase)
    if not isinstance(key, SigningKey):
        raise BadKeyError("a CA cannot have a key of this type")
    of(key.public_key())
    return key


def _rsa(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(_EXPONENT, bits)


_CURVES: dict[type[ec.EllipticCurve], KeyType] = {
    ec.SECP256R1: KeyType.P256,
    ec.SECP384R1: KeyType.P384,
}
_MAKERS: dict[KeyType, Callable[[], SigningKey]] = {
    KeyType.P256: keys.generate,
    KeyType.P384: lambda: ec.generate_private_key(ec.SECP384R1()),
    KeyType.ED25519: ed25519.Ed25519PrivateKey.generate,
    KeyType.RSA3072: lambda: _rsa(3072),
    KeyType.RSA4096: lambda: _rsa(4096),
}
