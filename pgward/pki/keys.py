"""Private keys: people and machines get P-256; a few more kinds are accepted in requests.

The keys of CAs come in several types: ``pgward.pki.key_types``.
"""

import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from pgward.pki.errors import BadKeyError

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192  # a larger one makes every handshake of its owner a burden on the server
_CURVES = (ec.SECP256R1, ec.SECP384R1)


def generate() -> ec.EllipticCurvePrivateKey:
    """Make a P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def to_pem(key: PrivateKeyTypes, passphrase: bytes | None) -> bytes:
    """Write a key as PKCS#8 PEM, encrypted (PBES2, AES-256) when a passphrase is given."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def to_der(key: PrivateKeyTypes) -> bytes:
    """Write a key as PKCS#8 DER, which nothing but its file's mode protects."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def from_pem(data: bytes, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    """Read a P-256 or P-384 key that ``to_pem`` wrote; raise BadKeyError."""
    key = read_private(data, passphrase)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, _CURVES):
        raise BadKeyError("the private key is not on the curve P-256 or P-384")
    return key


def read_private(data: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    """Read a PEM key of any type; raise BadKeyError."""
    try:
        return serialization.load_pem_private_key(data, passphrase)
    except TypeError as error:
        wanted = "is encrypted" if passphrase is None else "is not encrypted"
        raise BadKeyError(f"the private key {wanted}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadKeyError(
            "the private key cannot be read",
            hint=None if passphrase is None else "the passphrase may be wrong",
        ) from error


def check_public(key: PublicKeyTypes) -> None:
    """Raise BadKeyError unless a certificate may be issued for this key."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return
    if isinstance(key, rsa.RSAPublicKey):
        _check_rsa(key)
        return
    raise BadKeyError("unsupported kind of key", hint="use P-256, P-384, Ed25519 or RSA")


def _check_rsa(key: rsa.RSAPublicKey) -> None:
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise BadKeyError(
            f"an RSA key of {key.key_size} bits is not accepted",
            hint=f"use {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, or P-256",
        )
    if key.public_numbers().e < 65537:  # noqa: PLR2004 - FIPS 186-5, section 5.4 (e)
        raise BadKeyError("the RSA key's public exponent is below 65537")


def spki(key: PublicKeyTypes) -> bytes:
    """Return the DER SubjectPublicKeyInfo."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def spki_sha256(key: PublicKeyTypes) -> str:
    """Return the lower-case hex SHA-256 of the SubjectPublicKeyInfo."""
    return hashlib.sha256(spki(key)).hexdigest()
