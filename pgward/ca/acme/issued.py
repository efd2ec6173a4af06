"""Certificates that were issued to ACME accounts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from sqlalchemy.engine import Connection

from pgward.ca.acme import renewal
from pgward.ca.acme.renewal import CertificateId
from pgward.ca.records import Kind
from pgward.ca.store.certificates import ISSUED, REVOKED
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_acme import acme_certificates
from pgward.pki.errors import CrlError


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate of the store; ``chain`` are the CAs below the root, in PEM.

    ``account_id`` and ``chain`` are None when it came otherwise than by ACME.
    """

    serial: str
    kind: str
    subject: str
    names: frozenset[str]
    not_before: datetime
    not_after: datetime
    revoked: bool
    der: bytes
    account_id: str | None
    chain: str | None


def find_by_id(connection: Connection, wanted: CertificateId) -> IssuedCertificate | None:
    """Return the certificate with this ARI identifier."""
    found = find(connection, wanted.serial_hex)
    if found is None:
        return None
    try:
        its_id = renewal.identify(x509.load_der_x509_certificate(found.der))
    except CrlError:
        return None
    return found if its_id == wanted else None


def find(connection: Connection, serial: str) -> IssuedCertificate | None:
    """Return the certificate with this serial number, if it was signed."""
    columns = certificates.c
    statement = (
        sa.select(certificates, acme_certificates.c.account_id, acme_certificates.c.chain)
        .outerjoin(acme_certificates, acme_certificates.c.serial == columns.serial)
        .where(columns.serial == serial, columns.der.is_not(None))
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else _issued(row)


def is_acme(connection: Connection, serial: str) -> bool:
    """Tell whether a certificate was issued to an ACME account."""
    mine = acme_certificates.c.serial == serial
    return connection.execute(sa.select(acme_certificates.c.serial).where(mine)).first() is not None


def unlinked(connection: Connection, subject: str, key_sha256: str, since: datetime) -> str | None:
    """Return the serial number of a host's certificate of this key that no account has yet."""
    columns = certificates.c
    statement = (
        sa.select(columns.serial)
        .outerjoin(acme_certificates, acme_certificates.c.serial == columns.serial)
        .where(
            columns.kind == Kind.HOST.value,
            columns.subject == subject,
            columns.key_sha256 == key_sha256,
            columns.state == ISSUED,
            columns.created_at >= since,
            acme_certificates.c.serial.is_(None),
        )
        .limit(1)
    )
    return connection.execute(statement).scalar_one_or_none()


def living(connection: Connection, account_ids: list[str], now: datetime) -> list[str]:
    """Return the serial numbers of what these accounts hold that is valid now."""
    columns = certificates.c
    statement = (
        sa.select(columns.serial)
        .join(acme_certificates, acme_certificates.c.serial == columns.serial)
        .where(
            acme_certificates.c.account_id.in_(account_ids),
            columns.state != REVOKED,
            columns.not_after >= now,
        )
    )
    return sorted(connection.execute(statement).scalars())


def _issued(row: sa.Row[Any]) -> IssuedCertificate:
    return IssuedCertificate(
        serial=row.serial,
        kind=row.kind,
        subject=row.subject,
        names=frozenset((*row.dns, *row.ips)),
        not_before=row.not_before,
        not_after=row.not_after,
        revoked=row.state == REVOKED,
        der=row.der,
        account_id=row.account_id,
        chain=row.chain,
    )
