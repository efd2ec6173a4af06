"""PKCS#8 keys under a passphrase that a person chose (RFC 8018: PBES2, PBKDF2, AES-256-CBC).

OpenSSL's own writer stretches a passphrase with 2,048 rounds only. What this writes is read by
OpenSSL, and by ``keys.from_pem``.
"""

import os
from base64 import b64encode

from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

ROUNDS = 600_000  # a quarter of a second; OWASP's advice for PBKDF2 with SHA-256

_SEQUENCE, _OCTETS, _INTEGER = 0x30, 0x04, 0x02
_NULL = b"\x05\x00"
_PBES2 = bytes.fromhex("06092a864886f70d01050d")  # 1.2.840.113549.1.5.13
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")  # 1.2.840.113549.1.5.12
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209")  # 1.2.840.113549.2.9
_AES_256_CBC = bytes.fromhex("060960864801650304012a")  # 2.16.840.1.101.3.4.1.42


def to_pem(key: PrivateKeyTypes, passphrase: bytes, *, rounds: int = ROUNDS) -> bytes:
    """Write a key as encrypted PKCS#8 PEM."""
    plain = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    salt, iv = os.urandom(16), os.urandom(16)
    secret = PBKDF2HMAC(hashes.SHA256(), 32, salt, rounds).derive(passphrase)
    lines = b64encode(_info(salt, rounds, iv, _encrypt(secret, iv, plain)))
    wrapped = b"\n".join(lines[at : at + 64] for at in range(0, len(lines), 64))
    label = b"ENCRYPTED PRIVATE KEY-----\n"
    return b"-----BEGIN " + label + wrapped + b"\n-----END " + label


def _encrypt(secret: bytes, iv: bytes, plain: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    padded = padder.update(plain) + padder.finalize()
    encryptor = Cipher(algorithms.AES256(secret), modes.CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def _info(salt: bytes, rounds: int, iv: bytes, encrypted: bytes) -> bytes:
    """Return the DER EncryptedPrivateKeyInfo (RFC 5208 section 6, RFC 8018 appendix A)."""
    count = rounds.to_bytes(rounds.bit_length() // 8 + 1)
    prf = _der(_SEQUENCE, _HMAC_SHA256 + _NULL)
    stretching = _der(_SEQUENCE, _der(_OCTETS, salt) + _der(_INTEGER, count) + prf)
    derivation = _der(_SEQUENCE, _PBKDF2 + stretching)
    cipher = _der(_SEQUENCE, _AES_256_CBC + _der(_OCTETS, iv))
    scheme = _der(_SEQUENCE, _PBES2 + _der(_SEQUENCE, derivation + cipher))
    return _der(_SEQUENCE, scheme + _der(_OCTETS, encrypted))


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:  # noqa: PLR2004 - X.690 section 8.1.3.4, the short form
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + content
