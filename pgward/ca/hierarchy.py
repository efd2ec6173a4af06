"""The user and the server hierarchy: a root and an issuing CA each, and their files.

``certs/<ca>.crt``, and keys where their references say. A root's key is needed to make an issuing
CA and to revoke one, and for nothing else: ``load`` never opens it, so it may be kept offline.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from pgward.ca.issuing import lint, profiles
from pgward.ca.issuing.issuer import IssuingCa
from pgward.ca.issuing.profiles import Contents, Profile
from pgward.ca.keys.keeper import KeyKeeper
from pgward.ca.keys.signer import KeySigner
from pgward.ca.records import CaName
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.pki import keys, pem
from pgward.pki.errors import BadCertificateError
from pgward.pki.key_types import SigningKey, VerifyingKey
from pgward.system import files

CERTS = "certs"
KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A root, and the CA under it that issues."""

    root: x509.Certificate
    issuing: IssuingCa


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Both hierarchies, as ``ca serve`` needs them: without the roots' keys."""

    user: Hierarchy
    server: Hierarchy

    def issuing(self) -> tuple[IssuingCa, IssuingCa]:
        """Return the CAs that issue."""
        return self.user.issuing, self.server.issuing


@dataclass(frozen=True, slots=True)
class NewCa:
    """A CA that was just made, with its private key."""

    name: CaName
    certificate: x509.Certificate
    key: SigningKey

    def as_issuing(self) -> IssuingCa:
        """Put the key behind a signer."""
        return IssuingCa(self.name, self.certificate, KeySigner(self.key))


@dataclass(frozen=True, slots=True)
class NewHierarchy:
    """A root and its issuing CA, just made."""

    root: NewCa
    issuing: NewCa


def create(
    name: str,
    root: CaName,
    issuing: CaName,
    now: datetime,
    make_key: Callable[[str], SigningKey] = lambda _: keys.generate(),
) -> NewHierarchy:
    """Make the keys and certificates of one hierarchy of the CA called ``name``."""
    new_root = _make(name, root, profiles.ROOT, now, key=make_key(root))
    issuing_key = make_key(issuing)
    return NewHierarchy(
        new_root, _make(name, issuing, profiles.ISSUING, now, key=issuing_key, parent=new_root)
    )


def write(directory: Path, cas: Iterable[NewCa]) -> None:
    """Write certificates below ``directory``; raise StorageError."""
    certs = directory / CERTS
    certs.mkdir(mode=0o755, exist_ok=True)
    for ca in cas:
        files.atomic_write(certs / f"{ca.name}.crt", pem.join([ca.certificate]), mode=0o644)


def load(directory: Path, keeper: KeyKeeper) -> Hierarchies:
    """Read both hierarchies without the roots' keys.

    Raises NotFoundError, InvalidInputError, and what the keeper raises.
    """
    return Hierarchies(
        _load(directory, CaName.USER_ROOT, CaName.USER_ISSUING, keeper),
        _load(directory, CaName.SERVER_ROOT, CaName.SERVER_ISSUING, keeper),
    )


def _load(directory: Path, root: CaName, issuing: CaName, keeper: KeyKeeper) -> Hierarchy:
    root_certificate = certificate(directory, root)
    issuing_certificate = certificate(directory, issuing)
    where = keeper.reference(issuing)
    signer = keeper.load(where)
    if signer.public_key != issuing_certificate.public_key():
        raise InvalidInputError(
            f"it is not the key of the certificate {issuing}",
            where=where,
            hint="one of the two was replaced: restore both from one backup",
        )
    check_issued(issuing_certificate, root_certificate, issuing, root)
    return Hierarchy(root_certificate, IssuingCa(issuing, issuing_certificate, signer))


def check_issued(
    certificate: x509.Certificate, issuer: x509.Certificate, name: str, issuer_name: str
) -> None:
    """Raise InvalidInputError unless one CA's certificate is issued by the other."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception as error:  # ValueError, TypeError or InvalidSignature: all mean no
        raise InvalidInputError(f"the {name} certificate is not issued by {issuer_name}") from error


def certificate(directory: Path, name: str) -> x509.Certificate:
    """Read a CA's certificate file; raise NotFoundError, BadCertificateError."""
    path = directory / CERTS / f"{name}.crt"
    try:
        with files.storage_errors(path, "read"):
            certificates = pem.split(_read(path, directory, name))
    except BadCertificateError as error:
        raise BadCertificateError(error.message, where=str(path)) from error
    return certificates[0]


def _read(path: Path, directory: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _missing(directory, name) from error


def _missing(directory: Path, name: str) -> NotFoundError:
    if any((directory / "requests").glob("*.csr")):  # of a subordinate CA
        return NotFoundError(
            f"the company's root has not signed this CA yet: there is no certificate of {name}",
            hint=f"have the files in {directory}/requests signed, then: pgward ca import"
            f" {directory} FILE…",
        )
    return NotFoundError(f"there is no certificate {directory / CERTS / name}.crt")


def _make(
    name: str,
    ca: CaName,
    profile: Profile,
    now: datetime,
    *,
    key: SigningKey,
    parent: NewCa | None = None,
) -> NewCa:
    start = (now - profiles.BACKDATE).replace(microsecond=0)
    contents = Contents(
        subject=subject(name, ca, key.public_key()),
        key=key.public_key(),
        serial=x509.random_serial_number(),
        not_before=start,
        not_after=start + profile.max_lifetime,
    )
    issuer = parent.certificate if parent else None
    unsigned = profiles.build(profile, contents, issuer)
    lint.check(KeySigner(keys.generate()).sign_certificate(unsigned), profile, issuer)
    signer = KeySigner(parent.key if parent else key)
    return NewCa(ca, signer.sign_certificate(unsigned), key)


def subject(name: str, ca: CaName, key: VerifyingKey) -> x509.Name:
    """Name a CA by its owner, its role and its key, so that a successor has another name."""
    role = f"{ca.replace('-', ' ')} CA {keys.spki_sha256(key)[:8]}"
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.COMMON_NAME, role),
        ]
    )
