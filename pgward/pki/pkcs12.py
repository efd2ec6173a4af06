"""PKCS#12 bundles (RFC 7292) for programs that take a key in no other form.

On a person's own machine the mode of the file protects it: the password is a fixed word that
everybody knows, as several readers take none. Another one must be too long to guess, as it is
stretched no further than the strictest reader asks for.
"""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

PASSWORD = "pgward"  # noqa: S105 - not a secret: the file's mode protects the key
ROUNDS = 1000  # SP 800-132 section 5.2: libraries in FIPS mode read nothing below


def bundle(
    name: str,
    key: pkcs12.PKCS12PrivateKeyTypes,
    leaf: x509.Certificate,
    issuers: Sequence[x509.Certificate],
    password: str = PASSWORD,
) -> bytes:
    """Return key and chain under a password, with AES-256 and SHA-256."""
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.encode())
    )
    return pkcs12.serialize_key_and_certificates(name.encode(), key, leaf, issuers, encryption)
