"""Certificates in PEM: one or several in a file, leaf first."""

from base64 import b64encode
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.pki.errors import BadCertificateError

MAX_BYTES = 1024 * 1024
_LINE = 64


def split(data: bytes) -> list[x509.Certificate]:
    """Read every certificate of a bundle, in its order; raise BadCertificateError when none."""
    if len(data) > MAX_BYTES:
        raise BadCertificateError(f"the certificate bundle is longer than {MAX_BYTES} bytes")
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise BadCertificateError("no certificates can be read there") from error


def join(certificates: Iterable[x509.Certificate]) -> bytes:
    """Write certificates one after the other."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def armour(label: str, der: bytes) -> bytes:
    """Write DER of any kind as PEM (RFC 7468)."""
    encoded = b64encode(der)
    lines = [encoded[at : at + _LINE] for at in range(0, len(encoded), _LINE)]
    return b"\n".join(
        [b"-----BEGIN %b-----" % label.encode(), *lines, b"-----END %b-----\n" % label.encode()]
    )


def text(certificate: x509.Certificate) -> str:
    """Write one certificate as it stands in JSON."""
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


__all__ = ["MAX_BYTES", "BadCertificateError", "armour", "join", "split", "text"]
