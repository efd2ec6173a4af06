"""Signatures over bytes, by the one algorithm that goes with each type of key."""

from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def sign(key: SigningKey, data: bytes, algorithm: hashes.HashAlgorithm | None) -> bytes:
    """Return the signature over ``data``; Ed25519 has no hash."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, *_scheme(isinstance(key, rsa.RSAPrivateKey), algorithm))


def verifies(
    key: PublicKeyTypes, signature: bytes, data: bytes, algorithm: hashes.HashAlgorithm | None
) -> bool:
    """Tell whether the owner of ``key`` made this signature."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            scheme = _scheme(isinstance(key, rsa.RSAPublicKey), algorithm)
            key.verify(signature, data, *scheme)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _scheme(is_rsa: bool, algorithm: hashes.HashAlgorithm | None) -> tuple[Any, ...]:
    chosen = algorithm or hashes.SHA256()
    return (padding.PKCS1v15(), chosen) if is_rsa else (ec.ECDSA(chosen),)
