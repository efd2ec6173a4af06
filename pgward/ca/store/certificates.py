"""The authority's ``CertificateStore`` in SQL, and what the service asks about certificates."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.records import CaName, CertificateRecord, Kind, PublishedCrl, Revocation
from pgward.ca.store.database import Store
from pgward.ca.store.schema import certificates, crls, login_sessions, users
from pgward.ca.store.transaction import Transaction
from pgward.core.clock import Clock, SystemClock, rfc3339
from pgward.core.errors import ConflictError, DeniedError

PENDING, ISSUED, REVOKED = "pending", "issued", "revoked"
_KEPT_CRLS = 10


class SqlCertificates:
    """Implements ``pgward.ca.records.CertificateStore``.

    Each method commits before it returns, unless it runs inside the caller's ``store.write()``.
    """

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()

    def reserve(self, record: CertificateRecord) -> None:
        """Store what is about to be signed; ConflictError when the serial number is taken."""
        row = _row(record) | {"state": PENDING, "created_at": self._clock.now()}
        with self._store.write() as transaction:
            try:
                transaction.execute(sa.insert(certificates).values(row))
            except IntegrityError as error:
                raise ConflictError("the serial number is taken") from error

    def record(self, serial: int, der: bytes) -> None:
        """Add the signed certificate, with its audit event.

        DeniedError when it was revoked in the meantime (its owner was blocked, say): the
        certificate must then not leave the authority.
        """
        key = f"{serial:x}"
        with self._store.write() as transaction:
            statement = (
                sa.update(certificates)
                .where(certificates.c.serial == key, certificates.c.state == PENDING)
                .values(der=der, state=ISSUED)
                .returning(*certificates.c)
            )
            row = transaction.execute(statement).mappings().one_or_none()
            if row is None:
                raise DeniedError("the certificate was revoked before it was signed")
            if row["kind"] == Kind.PERSON:
                _check_session(transaction.connection, row["session_id"], self._clock.now())
            transaction.record(self._event(row))

    def exclusive(self) -> AbstractContextManager[object]:
        """Keep every other writer out until the context ends."""
        return self._store.write()

    def revocations(self, ca: CaName, *, expired_after: datetime) -> Sequence[Revocation]:
        """Return what this CA revoked, without certificates that expired before that time."""
        columns = certificates.c
        statement = sa.select(columns.serial, columns.revoked_at, columns.reason).where(
            columns.ca == ca.value, columns.state == REVOKED, columns.not_after >= expired_after
        )
        with self._store.read() as connection:
            rows = connection.execute(statement.order_by(columns.serial)).all()
        return [Revocation(int(s, 16), at, x509.ReasonFlags[reason]) for s, at, reason in rows]

    def latest_crl(self, ca: CaName) -> PublishedCrl | None:
        """Return the CRL with the highest number."""
        statement = sa.select(crls).where(crls.c.ca == ca.value).order_by(crls.c.number.desc())
        with self._store.read() as connection:
            row = connection.execute(statement.limit(1)).one_or_none()
        if row is None:
            return None
        return PublishedCrl(ca, row.number, row.this_update, row.next_update, row.der)

    def save_crl(self, crl: PublishedCrl) -> None:
        """Store a CRL; edges get it with their next snapshot.

        ConflictError when the number exists, or a revocation came since the CRL was begun.
        """
        row = {
            "ca": crl.name.value,
            "number": crl.number,
            "this_update": crl.this_update,
            "next_update": crl.next_update,
            "der": crl.der,
        }
        old = (crls.c.ca == crl.name.value) & (crls.c.number <= crl.number - _KEPT_CRLS)
        with self._store.write() as transaction:
            try:
                transaction.execute(sa.insert(crls).values(row))
            except IntegrityError as error:
                raise ConflictError(f"CRL number {crl.number} exists already") from error
            _check_complete(transaction.connection, crl)
            transaction.execute(sa.delete(crls).where(old))
            transaction.changed()

    def _event(self, row: sa.RowMapping) -> AuditEvent:
        return AuditEvent.make(
            time=self._clock.now(),
            actor=actor_of(row["kind"], row["subject"]),
            action="certificate.issue",
            target=row["serial"],
            client=caller.client.get(),
            details={
                "kind": row["kind"],
                "subject": row["subject"],
                "session": row["session_id"],
                "key_sha256": row["key_sha256"],
                "not_after": rfc3339(row["not_after"]),
            },
        )


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """Which certificates: every field that is not None must match."""

    kind: str | None = None
    subject: str | None = None
    state: str | None = None
    session_ids: Sequence[str] | None = None
    serial: str | None = None
    alive_at: datetime | None = None
    expired_at: datetime | None = None

    def clauses(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions of a WHERE clause."""
        columns = certificates.c
        equal = {
            columns.kind: self.kind,
            columns.subject: self.subject,
            columns.state: self.state,
            columns.serial: self.serial,
        }
        clauses = [column == value for column, value in equal.items() if value is not None]
        if self.session_ids is not None:
            clauses.append(columns.session_id.in_(self.session_ids))
        if self.alive_at is not None:
            clauses.append(columns.not_after >= self.alive_at)
        if self.expired_at is not None:
            clauses.append(columns.not_after < self.expired_at)
        return clauses


def find(
    connection: Connection, wanted: CertificateFilter, *, limit: int = 1000
) -> Sequence[sa.RowMapping]:
    """Return rows of certificates, the newest first."""
    order = (certificates.c.created_at.desc(), certificates.c.serial)
    statement = sa.select(certificates).where(*wanted.clauses()).order_by(*order).limit(limit)
    return connection.execute(statement).mappings().all()


def revoke(
    transaction: Transaction, wanted: CertificateFilter, *, now: datetime, reason: x509.ReasonFlags
) -> list[str]:
    """Revoke what matches and is not revoked, pending ones too; return their serial numbers.

    The caller has the authority publish its CRLs in the same transaction.
    """
    statement = (
        sa.update(certificates)
        .where(*wanted.clauses(), certificates.c.state != REVOKED)
        .values(state=REVOKED, revoked_at=now, reason=reason.name)
        .returning(certificates.c.serial)
    )
    return sorted(transaction.execute(statement).scalars())


def actor_of(kind: str, subject: str) -> str:
    """Name the owner of a certificate as audit events do."""
    if kind == Kind.PERSON:
        return subject
    return f"{kind}:{subject}" if kind in (Kind.EDGE, Kind.HOST) else caller.SYSTEM


def _check_session(connection: Connection, session_id: str | None, now: datetime) -> None:
    """Raise DeniedError unless the login session lives, here where nobody can end it meanwhile."""
    alive = (
        sa.select(login_sessions.c.id)
        .join(users, users.c.name == login_sessions.c.user_name)
        .where(
            login_sessions.c.id == session_id,
            login_sessions.c.ended_at.is_(None),
            login_sessions.c.expires_at > now,
            users.c.blocked_at.is_(None),
        )
    )
    if connection.execute(alive).one_or_none() is None:
        raise DeniedError("the login session ended before the certificate was signed")


def _check_complete(connection: Connection, crl: PublishedCrl) -> None:
    """Raise ConflictError when another writer revoked something after this CRL was begun."""
    columns = certificates.c
    recent = sa.select(columns.serial).where(
        columns.ca == crl.name.value,
        columns.state == REVOKED,
        columns.revoked_at >= crl.this_update,
        columns.not_after >= crl.this_update,
    )
    listed = x509.load_der_x509_crl(crl.der)
    for serial in connection.execute(recent).scalars():
        if listed.get_revoked_certificate_by_serial_number(int(serial, 16)) is None:
            raise ConflictError("a certificate was revoked while the CRL was signed")


def _row(record: CertificateRecord) -> dict[str, Any]:
    return {
        "serial": record.serial_hex,
        "ca": record.ca.value,
        "kind": record.kind.value,
        "subject": record.subject,
        "dns": list(record.dns),
        "ips": list(record.ips),
        "session_id": record.session_id,
        "key_sha256": record.key_sha256,
        "not_before": record.not_before,
        "not_after": record.not_after,
    }
