"""What a client shows: a certificate with its chain and its key, on no disk if it can be."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

from pgward.core.errors import InvalidInputError
from pgward.pki import keys, pem
from pgward.pki.errors import BadCertificateError, BadKeyError
from pgward.system import files, memory_file

_MOST = 256 * 1024
_FILES = ("login.crt", "login.key")


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate, the CAs behind it, and its key."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKeyTypes = field(repr=False)

    @property
    def leaf(self) -> x509.Certificate:
        """The client's own."""
        return self.chain[0]

    @property
    def name(self) -> str:
        """Its first CN, which is the one that PostgreSQL looks at."""
        found = self.leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[0].value) if found else ""

    @property
    def dn(self) -> str:
        """The subject as PostgreSQL writes it (RFC 2253)."""
        return self.leaf.subject.rfc4514_string()

    def put_into(self, context: ssl.SSLContext) -> None:
        """Have a client show it; OpenSSL reads files only, so one in memory where there is such."""
        data = pem.join(self.chain) + keys.to_pem(self.key, None)
        with memory_file.holding(data) as path:
            context.load_cert_chain(path)


def read(chain: bytes, key: bytes, where: str) -> Shown:
    """Read a chain and a key in PEM; raise InvalidInputError, which never quotes them."""
    try:
        return Shown(tuple(pem.split(chain)), keys.read_private(key, None))
    except (BadCertificateError, BadKeyError) as error:
        raise InvalidInputError(error.message, where=where, hint=error.hint) from error


def from_option(text: str) -> Shown:
    """Read what ``--login`` names: an identity's directory, or ``CERTIFICATE:KEY``."""
    certificate, colon, key = text.rpartition(":")
    paths = [Path(certificate), Path(key)]
    if not colon:
        paths = [Path(text) / name for name in _FILES]
    found = []
    for path in paths:
        try:
            found.append(files.read_regular(path, _MOST))
        except OSError as error:
            said = (error.strerror or str(error)).lower()
            raise InvalidInputError(
                said,
                where=str(path),
                hint="name an identity's directory (pgward whoami --paths), or CERTIFICATE:KEY",
            ) from error
    return read(found[0], found[1], text)
