"""A row of ``certificates`` against its leaf of the log: which column is not what it was."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from pgward.ca.store import log_entries
from pgward.ca.store.certificates import ISSUED, REVOKED
from pgward.core.clock import rfc3339
from pgward.pki import keys, merkle

_HASHED = "created_at, ca, kind, subject, session_id, client or der"


def problems(row: sa.RowMapping, serial: str, digest: bytes) -> Iterator[str]:
    """Say what is wrong with the row of the leaf with this serial number and hash."""
    if row["serial"] != serial:
        yield f"it stands at entry {row['log_index']} of the log, where {serial} was logged"
        return
    der = row["der"]
    if der is None:
        yield "der was removed"
        return
    certificate = _parse(der)
    if merkle.leaf_hash(log_entries.certificate(row, der).encoded) != digest:
        yield _altered(row, certificate)
        return
    if row["state"] not in (ISSUED, REVOKED):
        yield f"state was altered to {row['state']}, and it is in the log"
    if certificate is not None:  # the hash holds: it is what was issued, however strange
        yield from _derived(row, certificate)


def signed_by_any(row: sa.RowMapping, issuers: Iterable[x509.Certificate]) -> bool:
    """Tell whether a CA of the store signed a row's certificate."""
    certificate = None if row["der"] is None else _parse(row["der"])
    return certificate is not None and any(_issued(certificate, each) for each in issuers)


def _altered(row: sa.RowMapping, certificate: x509.Certificate | None) -> str:
    """Say which of the columns that the leaf is the hash of was altered, as far as one can."""
    if certificate is None:
        return "der was altered: it is no certificate any more"
    if hashlib.sha256(row["der"]).hexdigest() != row["fingerprint"]:
        return "der was altered: its fingerprint is another one"
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if row["kind"] != "ca" and found and [each.value for each in found] != [row["subject"]]:
        names = ", ".join(str(each.value) for each in found)
        return f"subject was altered to {row['subject']}: the certificate is for {names}"
    return f"{_HASHED} was altered: it has another hash than its entry {row['log_index']}"


def _derived(row: sa.RowMapping, certificate: x509.Certificate) -> Iterator[str]:
    """Say which columns do not repeat what the certificate says."""
    dns, ips = _names(certificate)
    says: dict[str, str | datetime | list[str]] = {
        "serial": f"{certificate.serial_number:x}",
        "fingerprint": hashlib.sha256(row["der"]).hexdigest(),
        "key_sha256": keys.spki_sha256(_key(certificate)),
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "dns": sorted(dns),
        "ips": sorted(ips),
    }
    for column, expected in says.items():
        found = sorted(row[column]) if column in ("dns", "ips") else row[column]
        if found != expected:
            yield f"{column} was altered to {_text(found)}: the certificate says {_text(expected)}"


def _text(value: str | datetime | Sequence[str] | None) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value) if isinstance(value, str | None) else ", ".join(value) or "none"


def _key(certificate: x509.Certificate) -> PublicKeyTypes:
    return certificate.public_key()


def _names(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    ips = names.get_values_for_type(x509.IPAddress)
    return names.get_values_for_type(x509.DNSName), [str(each) for each in ips]


def _parse(der: bytes) -> x509.Certificate | None:
    try:
        certificate = x509.load_der_x509_certificate(der)
        list(certificate.extensions)
        certificate.public_key()
    except Exception:  # noqa: BLE001 - the parser raises several kinds, and names none as its own
        return None
    return certificate


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - ValueError, TypeError, InvalidSignature: all mean no
        return False
    return True
