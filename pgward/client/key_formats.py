"""The login key once more, as clients want it that cannot read PEM."""

from pgward.client.certificates import NewCertificate
from pgward.client.identity import PRIVATE
from pgward.pki import keys, pem, pkcs12

DER_FILE = "login.pk8"
PKCS12_FILE = "login.p12"
# Whatever PostgreSQL's user is called: pgjdbc looks for an entry of this name, and for no other.
_NAME = "user"


def key_files(certificate: NewCertificate) -> dict[str, tuple[bytes, int]]:
    """Return the files beside ``login.key``: PKCS#8 DER and PKCS#12, each made in milliseconds.

    They are part of the generation, so that a renewal replaces all forms of the key at once.
    """
    key = keys.from_pem(certificate.key_pem, None)
    leaf, *issuers = pem.split(certificate.chain)
    return {
        DER_FILE: (keys.to_der(key), PRIVATE),
        PKCS12_FILE: (pkcs12.bundle(_NAME, key, leaf, issuers), PRIVATE),
    }
