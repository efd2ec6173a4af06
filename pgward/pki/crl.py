"""Certificate revocation lists (RFC 5280 section 5): full lists only, one for each CA."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509

from pgward.pki.errors import CrlError

_NEAR, _LONGEST_NEAR = 0.4, timedelta(days=30)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What the CRLs of some issuers say together; a CA is known by its subject key identifier.

    ``revoked_issuers`` are CAs that their own issuer revoked: nothing that they issued counts.
    """

    revoked: dict[bytes, frozenset[int]]
    expires_at: datetime
    revoked_issuers: frozenset[bytes] = frozenset()

    @classmethod
    def load(cls, ders: Iterable[bytes], issuers: Iterable[x509.Certificate]) -> Self:
        """Read DER CRLs, one for every issuer, and check their signatures; raise CrlError.

        Of several lists of one issuer the highest number counts.
        """
        known = {key_id(issuer): issuer for issuer in issuers}
        newest: dict[bytes, x509.CertificateRevocationList] = {}
        for der in ders:
            crl = read(der)
            issuer_id = _verify(crl, known)
            if issuer_id not in newest or number(crl) > number(newest[issuer_id]):
                newest[issuer_id] = crl
        if missing := known.keys() - newest.keys():
            names = ", ".join(sorted(known[each].subject.rfc4514_string() for each in missing))
            raise CrlError(f"there is no revocation list of {names}")
        revoked = {each: frozenset(e.serial_number for e in crl) for each, crl in newest.items()}
        expires_at = min((next_update(crl) for crl in newest.values()), default=_never())
        return cls(revoked, expires_at, frozenset(_revoked_issuers(known, revoked)))

    def is_revoked(self, issuer_key_id: bytes, serial: int) -> bool:
        """Tell whether the CA with this key identifier revoked this serial number, or is revoked.

        Raises CrlError for a CA without a list, so that forgetting one never lets anyone in.
        """
        try:
            revoked = serial in self.revoked[issuer_key_id]
        except KeyError:
            raise CrlError("there is no revocation list of that issuer") from None
        return revoked or issuer_key_id in self.revoked_issuers


def read(der: bytes) -> x509.CertificateRevocationList:
    """Read a DER CRL; raise CrlError, also for delta, partial or indirect ones."""
    try:
        crl = x509.load_der_x509_crl(der)
        critical = [extension.oid for extension in crl.extensions if extension.critical]
        number(crl)
    except CrlError:
        raise
    except Exception as error:  # the parser raises several kinds, and names none as its own
        raise CrlError("the revocation list cannot be read") from error
    if critical:
        raise CrlError("the revocation list is not a full one")
    if crl.next_update_utc is None:
        raise CrlError("the revocation list does not say when the next one comes")
    return crl


def number(crl: x509.CertificateRevocationList) -> int:
    """Return the CRL number; raise CrlError without one."""
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound as error:
        raise CrlError("the revocation list has no number") from error


def next_update(crl: x509.CertificateRevocationList) -> datetime:
    """Return when the CRL ends; ``read`` has checked that it says so."""
    return crl.next_update_utc or datetime.min.replace(tzinfo=UTC)


def signer_key_id(crl: x509.CertificateRevocationList) -> bytes:
    """Return the key identifier of who signed a CRL; empty when it does not say."""
    try:
        aki = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return b""
    return aki.key_identifier or b""


def nears_its_end(this_update: datetime, next_update: datetime, now: datetime) -> bool:
    """Tell whether less is left of a CRL than 40 % of what it was made for, and than a month.

    The CA renews its lists every hour, so one that nears its end tells that something is wrong.
    """
    return next_update - now <= min((next_update - this_update) * _NEAR, _LONGEST_NEAR)


def is_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Tell whether a CRL's signature is this CA's."""
    try:
        return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type] # DH and X25519 keys raise TypeError
    except (TypeError, ValueError):
        return False


def key_id(certificate: x509.Certificate) -> bytes:
    """Return a CA's subject key identifier, by which its CRLs and its leaves name it."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound as error:
        raise CrlError("the issuer has no subject key identifier") from error
    return extension.value.digest


def issuer_key_id(certificate: x509.Certificate) -> bytes:
    """Return the authority key identifier of a certificate; raise CrlError without one."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound as error:
        raise CrlError("the certificate does not say which key issued it") from error
    return extension.value.key_identifier or b""


def _verify(crl: x509.CertificateRevocationList, known: dict[bytes, x509.Certificate]) -> bytes:
    name = crl.issuer.rfc4514_string()
    try:
        aki = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        issuer = known[aki.key_identifier or b""]
    except (x509.ExtensionNotFound, KeyError) as error:
        raise CrlError(f"the revocation list of {name} is of no CA known here") from error
    if crl.issuer != issuer.subject or not is_signed_by(crl, issuer):
        raise CrlError(f"the revocation list of {name} is not signed by that CA")
    return key_id(issuer)


def _revoked_issuers(
    known: Mapping[bytes, x509.Certificate], revoked: Mapping[bytes, frozenset[int]]
) -> Iterator[bytes]:
    for each, issuer in known.items():
        is_root = issuer.issuer == issuer.subject
        if not is_root and issuer.serial_number in revoked.get(issuer_key_id(issuer), ()):
            yield each


def _never() -> datetime:
    return datetime.max.replace(tzinfo=UTC)


__all__ = [
    "CrlError",
    "RevocationList",
    "is_signed_by",
    "issuer_key_id",
    "key_id",
    "nears_its_end",
    "next_update",
    "number",
    "read",
    "signer_key_id",
]
