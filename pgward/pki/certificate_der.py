"""A certificate, put together from what is signed and the signature (RFC 5280 section 4.1)."""

from pgward.pki import der
from pgward.pki.der import Reader
from pgward.pki.errors import BadCertificateError, DerError

_VERSION = der.explicit_tag(0)


def assemble(tbs: bytes, signature: bytes) -> bytes:
    """Return the certificate of a TBSCertificate and its signature; raise BadCertificateError.

    Its algorithm is the one that the signed part names.
    """
    try:
        fields = Reader(tbs).enter()
        fields.optional(_VERSION)
        fields.read(der.INTEGER)
        algorithm = fields.whole(der.SEQUENCE)
    except DerError as error:
        raise BadCertificateError(f"the certificate is malformed: {error.message}") from error
    return der.sequence(tbs, algorithm, der.bits(signature))
