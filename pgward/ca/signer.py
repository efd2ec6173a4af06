"""Private keys of CAs, out of reach: who holds a Signer can sign, and cannot read the key."""

from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.core.errors import NotFoundError
from pgward.pki import keys
from pgward.pki.errors import BadKeyError


class Signer(Protocol):
    """Signs certificates and CRLs with one CA's key."""

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The key that verifies the signatures."""
        ...

    def sign_certificate(self, unsigned: x509.CertificateBuilder) -> x509.Certificate:
        """Return the certificate, signed."""
        ...

    def sign_crl(
        self, unsigned: x509.CertificateRevocationListBuilder
    ) -> x509.CertificateRevocationList:
        """Return the CRL, signed."""
        ...


class KeySigner:
    """Signs with a key in this process's memory, with the hash that suits its curve."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        large = isinstance(key.curve, ec.SECP384R1)
        self._hash: hashes.SHA256 | hashes.SHA384 = hashes.SHA384() if large else hashes.SHA256()

    @classmethod
    def load(cls, path: Path, passphrase: bytes) -> "KeySigner":
        """Read an encrypted PKCS#8 file; raise NotFoundError, BadKeyError."""
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no key file {path}") from error
        except OSError as error:
            raise BadKeyError(error.strerror or "unreadable", where=str(path)) from error
        try:
            return cls(keys.from_pem(data, passphrase))
        except BadKeyError as error:
            raise BadKeyError(error.message, where=str(path), hint=error.hint) from error

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The key that verifies the signatures."""
        return self._key.public_key()

    def sign_certificate(self, unsigned: x509.CertificateBuilder) -> x509.Certificate:
        """Return the certificate, signed."""
        return unsigned.sign(self._key, self._hash)

    def sign_crl(
        self, unsigned: x509.CertificateRevocationListBuilder
    ) -> x509.CertificateRevocationList:
        """Return the CRL, signed."""
        return unsigned.sign(self._key, self._hash)
