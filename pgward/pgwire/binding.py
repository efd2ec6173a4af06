"""What ties a password to a TLS connection: tls-server-end-point (RFC 5929, section 4.1)."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

_WEAK = (hashes.MD5, hashes.SHA1)


def end_point(certificate: bytes) -> bytes | None:
    """Return the hash of a server's certificate (DER) by which a client is bound to it.

    None where its signature has no hash of its own, as with Ed25519: nothing is defined for it.
    """
    try:
        chosen = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if chosen is None:
        return None
    digest = hashes.Hash(hashes.SHA256() if isinstance(chosen, _WEAK) else chosen)
    digest.update(certificate)
    return digest.finalize()
