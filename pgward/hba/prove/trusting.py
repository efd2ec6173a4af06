"""What TLS makes of a client's certificate, by the files that the server was given. Pure.

As OpenSSL does for PostgreSQL: up to a self-signed CA of ssl_ca_file, and with a revocation list a
current one for every CA on the way (manual, chapter 18.9.3; X509_V_FLAG_CRL_CHECK_ALL).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.hba.login.shown import Shown
from pgward.pki import crl

_DEEPEST = 10
_ALLOWED = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


@dataclass(frozen=True, slots=True)
class Trust:
    """``cas`` is None where no certificate is asked for, ``lists`` where none is looked up."""

    cas: tuple[x509.Certificate, ...] | None
    lists: tuple[x509.CertificateRevocationList, ...] | None

    def names(self, serial: int) -> bool:
        """Tell whether a list names a certificate."""
        return any(
            each.get_revoked_certificate_by_serial_number(serial) is not None
            for each in self.lists or ()
        )


def refusal(trust: Trust, shown: Shown, now: datetime) -> str | None:
    """Return why TLS refuses a certificate, None when it does not; ``cas`` must be known."""
    path = _path(trust.cas or (), shown.chain)
    if path is None:
        return "its CA is not in ssl_ca_file"
    for each in path:
        if now < each.not_valid_before_utc:
            return "it is not valid yet"
        if now > each.not_valid_after_utc:
            return "it has expired"
    if not _is_clients(shown.leaf):
        return "it is not for clients"
    return None if trust.lists is None else _revoked(trust.lists, path, now)


def _path(
    cas: Sequence[x509.Certificate], chain: Sequence[x509.Certificate]
) -> list[x509.Certificate] | None:
    """Return the chain from the leaf to a root in the file, or None when it leads to none."""
    path = [chain[0]]
    for _ in range(_DEEPEST):
        last = path[-1]
        if last.issuer == last.subject and last in cas and len(path) > 1:
            return path
        above = next((each for each in (*cas, *chain[1:]) if _issued(last, each)), None)
        if above is None or above in path:
            return None
        path.append(above)
    return None


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_clients(leaf: x509.Certificate) -> bool:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool(_ALLOWED & set(usage))


def _revoked(
    lists: Sequence[x509.CertificateRevocationList],
    path: Sequence[x509.Certificate],
    now: datetime,
) -> str | None:
    for each, issuer in zip(path, [*path[1:], path[-1]], strict=True):
        mine = [one for one in lists if _signed(one, issuer)]
        if not mine:
            return f"there is no revocation list of {issuer.subject.rfc4514_string()}"
        if not any(one.last_update_utc <= now < crl.next_update(one) for one in mine):
            return f"the revocation list of {issuer.subject.rfc4514_string()} is not current"
        if any(one.get_revoked_certificate_by_serial_number(each.serial_number) for one in mine):
            return "it is revoked"
    return None


def _signed(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    if found.issuer != issuer.subject:
        return False
    try:
        return found.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # a CA's key signs
    except (TypeError, ValueError):
        return False
