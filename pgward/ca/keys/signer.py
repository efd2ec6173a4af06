"""Private keys of CAs, out of reach: who holds a Signer can sign, and cannot read the key.

Where keys are kept, and how a Signer comes to be: ``pgward.ca.keys``.
"""

from typing import Protocol

from cryptography import x509
from cryptography.x509 import ocsp

from pgward.pki import key_types, signatures
from pgward.pki.key_types import SigningKey, VerifyingKey


class Signer(Protocol):
    """Signs what a CA signs, with one CA's key; each raises SigningError when the key is away."""

    @property
    def public_key(self) -> VerifyingKey:
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

    def sign_ocsp(self, unsigned: ocsp.OCSPResponseBuilder) -> ocsp.OCSPResponse:
        """Return the OCSP response, signed."""
        ...

    def sign_request(
        self, unsigned: x509.CertificateSigningRequestBuilder
    ) -> x509.CertificateSigningRequest:
        """Return the signing request for this key, signed by it."""
        ...

    def sign_bytes(self, data: bytes) -> bytes:
        """Return the signature over bytes, by the algorithm that the other signatures name."""
        ...


class KeySigner:
    """Signs with a key object, with the hash that suits it; the key may be in a token as well."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._public = key.public_key()
        self._hash = key_types.signing_hash(self._public)

    @property
    def public_key(self) -> VerifyingKey:
        """The key that verifies the signatures."""
        return self._public

    def sign_certificate(self, unsigned: x509.CertificateBuilder) -> x509.Certificate:
        """Return the certificate, signed."""
        return unsigned.sign(self._key, self._hash)

    def sign_crl(
        self, unsigned: x509.CertificateRevocationListBuilder
    ) -> x509.CertificateRevocationList:
        """Return the CRL, signed."""
        return unsigned.sign(self._key, self._hash)

    def sign_ocsp(self, unsigned: ocsp.OCSPResponseBuilder) -> ocsp.OCSPResponse:
        """Return the OCSP response, signed."""
        return unsigned.sign(self._key, self._hash)

    def sign_request(
        self, unsigned: x509.CertificateSigningRequestBuilder
    ) -> x509.CertificateSigningRequest:
        """Return the signing request for this key, signed by it."""
        return unsigned.sign(self._key, self._hash)

    def sign_bytes(self, data: bytes) -> bytes:
        """Return the signature over bytes, by the algorithm that the other signatures name."""
        return signatures.sign(self._key, data, self._hash)
