"""What a company's root signed for us: everything that PostgreSQL and pgward need of it. Pure.

Each finding says what is wrong in words for whoever runs the company's CA.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from pgward.ca.generations import ROOTS
from pgward.ca.issuing import rehearsal
from pgward.ca.records import CaName
from pgward.core.clock import rfc3339
from pgward.core.errors import PgwardError
from pgward.pki import chain, key_types, keys
from pgward.pki import crl as crls
from pgward.pki.errors import BadKeyError, CrlError

SOON = timedelta(days=30)
_MAX_CRL_NUMBER = 2**63 - 1
_KNOWN_CRITICAL = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.NAME_CONSTRAINTS,
}
_CLIENT = {chain.CLIENT_AUTH: "clientAuth"}
_PURPOSES = {
    CaName.USER_ISSUING: _CLIENT,
    CaName.SERVER_ISSUING: {
        **_CLIENT,
        chain.SERVER_AUTH: "serverAuth",
        chain.SNAPSHOT_SIGNING: chain.SNAPSHOT_SIGNING.dotted_string,
    },
}
_WEAK = (hashes.MD5, hashes.SHA1)


@dataclass(frozen=True, slots=True)
class Signed:
    """Everything that came back, in any order."""

    certificates: tuple[x509.Certificate, ...]
    crls: tuple[x509.CertificateRevocationList, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """An issuing CA of ours, the company's root above it, and the root's revocation list.

    ``ca`` is its id among all that there were: ``name`` for the first in this role.
    """

    name: CaName
    issuing: x509.Certificate
    root: x509.Certificate
    crl: x509.CertificateRevocationList
    ca: str

    @property
    def root_name(self) -> CaName:
        """The role of the root."""
        return ROOTS[self.name]


class SubordinateError(PgwardError):
    """What came back cannot be used; lists everything that is wrong with it."""


def assemble(
    name: CaName,
    requested: PublicKeyTypes,
    found: Signed,
    now: datetime,
    *,
    successor: str | None = None,
) -> Chain:
    """Find and check what belongs to one issuing CA; raise SubordinateError.

    A ``successor`` has an id of its own.
    """
    ca = successor or str(name)
    issuing = certificate_of(requested, found)
    if issuing is None:
        raise SubordinateError(
            f"none of the certificates is for the key of {ca}",
            hint=f"have requests/{ca}.csr signed, as it is",
        )
    root = _root_of(name, issuing, found)
    crl = newest_crl(root, found.crls)
    findings = [
        *_ca_findings("the root", root, now),
        *_root_findings(root),
        *_ca_findings(f"the certificate of {name}", issuing, now),
        *_issuing_findings(name, issuing, root),
        *crl_findings(crl, root, now),
        *_revoked(name, issuing, crl),
    ]
    if not findings:
        findings = list(rehearsal.findings(name, issuing, root, now))
    if crl is None or findings:
        raise SubordinateError(
            f"what was signed for {ca} cannot be used:\n  " + "\n  ".join(findings),
            hint="have it signed again, and give the root's certificate and revocation list too",
        )
    return Chain(name, issuing, root, crl, ca)


def certificate_of(requested: PublicKeyTypes, found: Signed) -> x509.Certificate | None:
    """Return the certificate for a key, the one that lives longest if there are several."""
    wanted = keys.spki_sha256(requested)
    ours = [each for each in found.certificates if _key_sha256(each) == wanted]
    return max(ours, key=lambda each: each.not_valid_after_utc, default=None)


def newest_crl(
    root: x509.Certificate, found: Sequence[x509.CertificateRevocationList]
) -> x509.CertificateRevocationList | None:
    """Return the root's latest list, by its time."""
    ours = [each for each in found if each.issuer == root.subject]
    return max(ours, key=lambda each: each.last_update_utc, default=None)


def crl_findings(
    crl: x509.CertificateRevocationList | None, root: x509.Certificate, now: datetime
) -> Iterator[str]:
    """Tell why PostgreSQL would refuse everyone with this list."""
    if crl is None:
        yield (
            "the root's revocation list (CRL) is missing: PostgreSQL wants one of every CA in the"
            " chain, and refuses everyone without"
        )
        return
    try:
        number = crls.number(crl)
        crls.read(crl.public_bytes(Encoding.DER))
    except CrlError as error:
        yield f"the root's CRL: {error.message}"
        return
    if not 0 <= number <= _MAX_CRL_NUMBER:
        yield f"the root's CRL has the number {number}, which does not fit in 63 bits"
    if not _signs(crl, root):
        yield "the root's CRL is not signed by the root"
    if crl.last_update_utc > now:
        yield f"the root's CRL is from the future ({rfc3339(crl.last_update_utc)})"
    if crls.next_update(crl) <= now:
        yield f"the root's CRL ended at {rfc3339(crls.next_update(crl))}"


def warnings(taken: Chain, now: datetime) -> Iterator[str]:
    """Say what works now, and needs somebody's attention."""
    ends = crls.next_update(taken.crl)
    yield (
        f"the root's revocation list ends at {rfc3339(ends)}: from then on PostgreSQL refuses"
        " EVERYONE, unless a newer one was imported before"
    )
    for what, each in ((taken.ca, taken.issuing), ("its root", taken.root)):
        if each.not_valid_after_utc < now + timedelta(days=365):
            yield f"the certificate of {what} ends at {rfc3339(each.not_valid_after_utc)}"
    if _path_length(taken.issuing) != 0:
        yield f"{taken.ca} has no pathlen of 0: it could make further CAs"


def _root_of(name: CaName, issuing: x509.Certificate, found: Signed) -> x509.Certificate:
    above = [each for each in found.certificates if _issued_by(issuing, each)]
    if not above:
        raise SubordinateError(
            f"the certificate of the CA that signed {name} is missing",
            hint=f"give the certificate of {issuing.issuer.rfc4514_string()} too",
        )
    roots = [each for each in above if _issued_by(each, each)]
    if not roots:
        raise SubordinateError(
            f"{name} was signed by {above[0].subject.rfc4514_string()}, which is no root",
            hint="a longer chain is not supported: the self-signed root itself has to sign",
        )
    return roots[0]


def _ca_findings(what: str, each: x509.Certificate, now: datetime) -> Iterator[str]:
    if each.version is not x509.Version.v3:
        yield f"{what} is not an X.509 certificate of version 3"
        return
    try:
        extensions = {found.oid: found for found in each.extensions}
    except (ValueError, x509.DuplicateExtension) as error:
        yield f"{what} has extensions that cannot be read ({error})"
        return
    yield from _constraint_findings(what, each)
    yield from _usage_findings(what, each)
    for oid, found in extensions.items():
        if found.critical and oid not in _KNOWN_CRITICAL:
            yield f"{what} has the critical extension {oid.dotted_string}, which nobody here knows"
    if ExtensionOID.SUBJECT_KEY_IDENTIFIER not in extensions:
        yield f"{what} has no subject key identifier"
    if isinstance(each.signature_hash_algorithm, _WEAK):
        yield f"{what} is signed with {each.signature_hash_algorithm.name}"
    if each.not_valid_before_utc > now:
        yield f"{what} is valid only from {rfc3339(each.not_valid_before_utc)} on"
    if each.not_valid_after_utc < now + SOON:
        yield f"{what} ends at {rfc3339(each.not_valid_after_utc)}, within {SOON.days} days"


def _constraint_findings(what: str, each: x509.Certificate) -> Iterator[str]:
    try:
        found = each.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        yield f"{what} has no basicConstraints: it is no CA"
        return
    if not found.value.ca:
        yield f"{what} has basicConstraints CA:FALSE"
    elif not found.critical:
        yield f"{what} has basicConstraints that are not critical (RFC 5280 section 4.2.1.9)"


def _usage_findings(what: str, each: x509.Certificate) -> Iterator[str]:
    try:
        usage = each.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        yield f"{what} has no keyUsage"
        return
    if not usage.key_cert_sign:
        yield f"{what} may not sign certificates (keyUsage keyCertSign)"
    if not usage.crl_sign:
        yield f"{what} may not sign revocation lists (keyUsage cRLSign)"


def _root_findings(root: x509.Certificate) -> Iterator[str]:
    if _path_length(root) == 0:
        yield "the root has a pathlen of 0: it may have no CA under it"


def _issuing_findings(
    name: CaName, issuing: x509.Certificate, root: x509.Certificate
) -> Iterator[str]:
    try:
        key_types.of(issuing.public_key())
    except BadKeyError as error:
        yield f"{name}: {error.message}"
    if issuing.not_valid_after_utc > root.not_valid_after_utc:
        yield f"{name} outlives its root, which ends at {rfc3339(root.not_valid_after_utc)}"
    if issuing.subject == root.subject:
        yield f"{name} has the same name as its root"
    if not list(issuing.subject):
        yield f"{name} has an empty name"
    yield from _purpose_findings(name, issuing)
    try:
        named = crls.issuer_key_id(issuing)
        if named != crls.key_id(root):
            yield f"the authority key identifier of {name} is not the root's subject key identifier"
    except CrlError:
        yield f"{name} has no authority key identifier (or the root no subject key identifier)"


def _purpose_findings(name: CaName, issuing: x509.Certificate) -> Iterator[str]:
    """Ask for what OpenSSL wants of a CA with purposes, and our own verifier on top of that."""
    try:
        found = set(issuing.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    missing = [text for oid, text in _PURPOSES[name].items() if oid not in found]
    if missing and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in found:
        yield (
            f"{name} has an extendedKeyUsage without {', '.join(missing)}: leave the extension out"
        )


def _revoked(
    name: CaName, issuing: x509.Certificate, crl: x509.CertificateRevocationList | None
) -> Iterator[str]:
    if crl is None:
        return
    if crl.get_revoked_certificate_by_serial_number(issuing.serial_number) is not None:
        yield f"the root has revoked the certificate of {name}"


def _path_length(each: x509.Certificate) -> int | None:
    try:
        return each.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    except (x509.ExtensionNotFound, ValueError):
        return None


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - ValueError, TypeError or InvalidSignature: all mean no
        return False
    return True


def _signs(crl: x509.CertificateRevocationList, root: x509.Certificate) -> bool:
    try:
        return crl.is_signature_valid(root.public_key())  # type: ignore[arg-type] # DH and X25519 keys raise TypeError
    except (TypeError, ValueError):
        return False


def _key_sha256(each: x509.Certificate) -> str:
    try:
        return keys.spki_sha256(each.public_key())
    except Exception:  # noqa: BLE001 - an unknown kind of key raises several kinds: not ours
        return ""
