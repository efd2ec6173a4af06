"""Certificate signing requests (PKCS#10): a public key and the proof that its owner asks.

Names inside a request mean nothing to the CA, which takes them from its directory.
"""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pgward.pki import keys
from pgward.pki.errors import BadKeyError, BadRequestError

MAX_BYTES = 16 * 1024


def make(key: ec.EllipticCurvePrivateKey, common_name: str = "pgward") -> bytes:
    """Return a PEM request for ``key``; the name is a placeholder."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def read(data: bytes) -> x509.CertificateSigningRequest:
    """Read a PEM request, check its signature and its key; raise BadRequestError, BadKeyError."""
    if len(data) > MAX_BYTES:
        raise BadRequestError(f"the signing request is longer than {MAX_BYTES} bytes")
    try:
        request = x509.load_pem_x509_csr(data)
        signed = request.is_signature_valid
        key = request.public_key()
    except Exception as error:  # the parser raises several kinds, and names none as its own
        raise BadRequestError("the signing request cannot be read") from error
    if not signed:
        raise BadRequestError("the signing request is not signed by its own key")
    keys.check_public(key)
    return request


__all__ = ["MAX_BYTES", "BadKeyError", "BadRequestError", "make", "read"]
