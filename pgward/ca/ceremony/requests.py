"""Requests of a subordinate CA: ``requests/user-issuing.csr``, for a root that is not ours.

The request asks for what PostgreSQL and pgward need; what comes back is checked by
``pgward.ca.ceremony.subordinate``, as a company's CA may put in what it likes.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from pgward.ca import hierarchy
from pgward.ca.generations import ROOTS
from pgward.ca.issuing import profiles
from pgward.ca.keys.signer import KeySigner, Signer
from pgward.ca.records import CaName
from pgward.core.errors import NotFoundError
from pgward.pki.errors import BadRequestError
from pgward.pki.key_types import SigningKey
from pgward.system import files

REQUESTS = "requests"
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request for the certificate of an issuing CA."""

    name: CaName
    request: x509.CertificateSigningRequest


def make(name: str, ca: CaName, key: SigningKey) -> NewRequest:
    """Return the request of the issuing CA ``ca`` of the authority called ``name``."""
    return NewRequest(ca, sign(name, ca, KeySigner(key)))


def sign(name: str, ca: CaName, signer: Signer) -> x509.CertificateSigningRequest:
    """Return such a request for a signer's key."""
    public = signer.public_key
    unsigned = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(hierarchy.subject(name, ca, public))
        .add_extension(x509.BasicConstraints(True, profiles.ISSUING.path_length), critical=True)
        .add_extension(profiles.ISSUING.key_usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    return signer.sign_request(unsigned)


def successors(directory: Path) -> dict[str, CaName]:
    """Return the later CAs that were asked for, ``user-issuing-2`` say, and the role of each."""
    found = {}
    for each in sorted((directory / REQUESTS).glob("*.csr")):
        role, _, number = each.stem.rpartition("-")
        if number.isdigit() and role in ROOTS:
            found[each.stem] = CaName(role)
    return found


def path(directory: Path, ca: str) -> Path:
    """Return where the request of a CA is."""
    return directory / REQUESTS / f"{ca}.csr"


def load(directory: Path, ca: str) -> x509.CertificateSigningRequest:
    """Read a request; raise NotFoundError, BadRequestError."""
    where = path(directory, ca)
    try:
        return x509.load_pem_x509_csr(files.read_regular(where, _MAX_BYTES))
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no request {where}", hint="pgward ca init --subordinate makes it"
        ) from error
    except (OSError, ValueError) as error:
        raise BadRequestError("the request cannot be read", where=str(where)) from error
