"""The signing request of an order: the order's names, all of them and no others."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pgward.ca.acme import identifiers
from pgward.ca.acme.identifiers import Identifier
from pgward.ca.acme.problems import AcmeError
from pgward.core.errors import InvalidInputError
from pgward.pki import csr as requests
from pgward.pki import jws as base64url
from pgward.pki import keys


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is as the order wants it, in PEM, and the key that it is for."""

    pem: bytes
    key_sha256: str


def read(text: str, wanted: Iterable[Identifier], account_key_sha256: str) -> Asked:
    """Check a request (base64url DER) against an order.

    Raises AcmeError ``badCSR`` (RFC 8555 section 7.4), ``badPublicKey``.
    """
    request = _load(text)
    asked = set(_names(request))
    if asked != set(wanted):
        raise _bad("its names are not those of the order")
    key_sha256 = keys.spki_sha256(request.public_key())
    if key_sha256 == account_key_sha256:
        raise _bad("its key is the account's: make another one for the certificate")
    return Asked(request.public_bytes(Encoding.PEM), key_sha256)


def has_common_name(pem: bytes) -> bool:
    """Tell whether a request that was ``read`` has a CN."""
    subject = x509.load_pem_x509_csr(pem).subject
    return bool(subject.get_attributes_for_oid(NameOID.COMMON_NAME))


def _load(text: str) -> x509.CertificateSigningRequest:
    try:
        der = base64url.decode(text)
        pem = x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)
        return requests.read(pem)
    except requests.BadKeyError as error:
        raise AcmeError("badPublicKey", error.message) from error
    except requests.BadRequestError as error:
        raise AcmeError("badCSR", error.message) from error
    except Exception as error:  # the parser raises several kinds, and names none as its own
        raise _bad("it cannot be read") from error


def _names(request: x509.CertificateSigningRequest) -> Iterator[Identifier]:
    """Yield what the subject and the alternative names ask for; other extensions mean nothing."""
    try:
        subject = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        san = None
    except Exception as error:  # as above; extensions are parsed late
        raise _bad("it cannot be read") from error
    for name in subject:
        yield _name(str(name.value))
    for each in san or ():
        if isinstance(each, x509.DNSName):
            yield _identifier(identifiers.DNS, each.value)
        elif isinstance(each, x509.IPAddress):
            yield _identifier(identifiers.IP, str(each.value))
        else:
            raise _bad("it asks for a name that is neither DNS nor IP")


def _name(text: str) -> Identifier:
    try:
        return identifiers.ip(text)
    except InvalidInputError:
        return _identifier(identifiers.DNS, text)


def _identifier(kind: str, text: str) -> Identifier:
    try:
        return identifiers.dns(text) if kind == identifiers.DNS else identifiers.ip(text)
    except InvalidInputError as error:
        raise _bad("it asks for a name that is none") from error


def _bad(why: str) -> AcmeError:
    return AcmeError("badCSR", f"the signing request is refused: {why}")
