"""The authority's ``CertificateStore`` in SQL, and what the service asks about certificates."""

import hashlib
from collections.abc import Collection, Container, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.records import (
    PEOPLES,
    CertificateRecord,
    Kind,
    PublishedCrl,
    Revocation,
    Signed,
)
from pgward.ca.store import compromised, log, log_entries
from pgward.ca.store.database import Store
from pgward.ca.store.schema import certificates, crls, login_sessions, users
from pgward.ca.store.transaction import Transaction
from pgward.core.clock import Clock, SystemClock, rfc3339
from pgward.core.errors import ConflictError, DeniedError, LoginNeededError, PgwardError
from pgward.pki.errors import CompromisedKeyError

PENDING, ISSUED, REVOKED = "pending", "issued", "revoked"
_KEPT_CRLS = 10
_MACHINES = (Kind.EDGE, Kind.HOST, Kind.CONNECTOR)
_REASONS = {reason.name: reason for reason in x509.ReasonFlags}


class SqlCertificates:
    """Implements ``pgward.ca.records.CertificateStore``.

    Each method commits before it returns, unless it runs inside the caller's ``store.write()``.
    """

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()

    def reserve(self, records: Sequence[CertificateRecord]) -> Mapping[int, PgwardError]:
        """Store what is about to be signed, but for those whose key is compromised.

        ConflictError when a serial number is taken: nothing is stored.
        """
        common = {"state": PENDING, "created_at": self._clock.now()}
        with self._store.write() as transaction:
            refused = _compromised(transaction.connection, records)
            rows = [_row(each) | common for each in records if each.serial not in refused]
            try:
                if rows:
                    transaction.execute(_RESERVE, rows)
            except IntegrityError as error:
                raise ConflictError("the serial number is taken") from error
        return refused

    def record(self, signed: Sequence[Signed]) -> Mapping[int, PgwardError]:
        """Add the signed certificates to their records, each with its audit event and log leaf.

        Returns by serial number why one must not leave the authority: it was revoked in the
        meantime (its owner was blocked, say), or its login session ended.
        """
        with self._store.write() as transaction:
            records = [each.record for each in signed]
            pending = _pending(transaction.connection, records)
            refused = self._refusals(transaction.connection, records, pending)
            recorded = [each for each in signed if each.record.serial not in refused]
            if recorded:
                _record(transaction, recorded, pending)
            now = self._clock.now()
            transaction.record(*(_event(each.record, now) for each in recorded))
        return refused

    def _refusals(
        self,
        connection: Connection,
        records: Sequence[CertificateRecord],
        pending: Container[str],
    ) -> dict[int, PgwardError]:
        """Say which of them may not be recorded, here where nobody can change it meanwhile."""
        wanted = {each.session_id for each in records if each.kind in PEOPLES}
        living = _living_sessions(connection, wanted, self._clock.now()) if wanted else set()
        # One that was reserved may have become so since.
        refused = _compromised(connection, records)
        for record in records:
            if record.serial_hex not in pending:
                refused[record.serial] = DeniedError(
                    "the certificate was revoked before it was signed"
                )
            elif record.kind in PEOPLES and record.session_id not in living:
                refused[record.serial] = LoginNeededError("your login session has ended")
        return refused

    def exclusive(self) -> AbstractContextManager[object]:
        """Keep every other writer out until the context ends."""
        return self._store.write()

    def revocations(self, ca: str, *, expired_after: datetime) -> Sequence[Revocation]:
        """Return what this CA revoked, without certificates that expired before that time."""
        columns = certificates.c
        # There may be 100,000, so the zone is added below, and not by a function for each.
        at = sa.type_coerce(columns.revoked_at, sa.DateTime(timezone=True))
        statement = sa.select(columns.serial, at, columns.reason).where(
            columns.ca == str(ca), columns.state == REVOKED, columns.not_after >= expired_after
        )
        with self._store.read() as connection:
            rows = connection.execute(statement.order_by(columns.serial)).all()
        return [
            Revocation(int(serial, 16), at if at.tzinfo else at.replace(tzinfo=UTC), _REASONS[why])
            for serial, at, why in rows
        ]

    def latest_crl(self, ca: str) -> PublishedCrl | None:
        """Return the CRL with the highest number."""
        statement = sa.select(crls).where(crls.c.ca == str(ca)).order_by(crls.c.number.desc())
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
            "ca": str(crl.name),
            "number": crl.number,
            "this_update": crl.this_update,
            "next_update": crl.next_update,
            "der": crl.der,
        }
        mine = crls.c.ca == str(crl.name)
        # Numbers follow the clock, so it is their order that counts; fewer rows have no such one.
        newest = sa.select(crls.c.number).where(mine).order_by(crls.c.number.desc())
        oldest_kept = newest.limit(1).offset(_KEPT_CRLS - 1).scalar_subquery()
        with self._store.write() as transaction:
            try:
                transaction.execute(sa.insert(crls).values(row))
            except IntegrityError as error:
                raise ConflictError(f"CRL number {crl.number} exists already") from error
            _check_complete(transaction.connection, crl)
            transaction.execute(sa.delete(crls).where(mine, crls.c.number < oldest_kept))
            transaction.changed()


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """Which certificates: every field that is not None must match."""

    kind: str | None = None
    kinds: Sequence[str] | None = None
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
        if self.kinds is not None:
            clauses.append(columns.kind.in_(self.kinds))
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


def cas_of(connection: Connection, wanted: CertificateFilter, reason: x509.ReasonFlags) -> set[str]:
    """Return the CAs of the certificates that ``revoke`` would revoke."""
    revocable = (*wanted.clauses(), _is_news(reason))
    statement = sa.select(certificates.c.ca).where(*revocable).distinct()
    return set(connection.execute(statement).scalars())


def revoke(
    transaction: Transaction, wanted: CertificateFilter, *, now: datetime, reason: x509.ReasonFlags
) -> list[str]:
    """Revoke what matches and is not revoked, pending ones too; return their serial numbers.

    That a key is compromised replaces another reason, and the time of the revocation stays. Each
    becomes a leaf of the log. The caller has the authority publish its CRLs in the same
    transaction.
    """
    columns = certificates.c
    first = sa.func.coalesce(columns.revoked_at, sa.literal(now, columns.revoked_at.type))
    statement = (
        sa.update(certificates)
        .where(*wanted.clauses(), _is_news(reason))
        .values(state=REVOKED, revoked_at=first, reason=reason.name)
        .returning(columns.serial, columns.ca, columns.revoked_at)
    )
    found = sorted(tuple(row) for row in transaction.execute(statement))
    entries = [log_entries.revocation(serial, ca, at, reason.name) for serial, ca, at in found]
    if entries:
        log.append(transaction, entries)
    return [serial for serial, _, _ in found]


def _is_news(reason: x509.ReasonFlags) -> sa.ColumnElement[bool]:
    """Match what is not revoked, or not yet for this reason if it tells of the key."""
    columns = certificates.c
    alive = columns.state != REVOKED
    if reason.name != compromised.REASON:
        return alive
    return sa.or_(alive, columns.reason != reason.name)


def actor_of(kind: str, subject: str) -> str:
    """Name the owner of a certificate as audit events do."""
    if kind == Kind.PERSON:
        return subject
    return f"{kind}:{subject}" if kind in _MACHINES else caller.SYSTEM


# Each certificate needs these, and SQLAlchemy takes longer to build a statement than to run it.
_RESERVE = sa.insert(certificates)
_PENDING = sa.select(certificates.c.serial, certificates.c.created_at).where(
    certificates.c.serial.in_(sa.bindparam("serials", expanding=True)),
    certificates.c.state == PENDING,
)
_LIVING = (
    sa.select(login_sessions.c.id)
    .join(users, users.c.name == login_sessions.c.user_name)
    .where(
        login_sessions.c.id.in_(sa.bindparam("ids", expanding=True)),
        login_sessions.c.ended_at.is_(None),
        login_sessions.c.expires_at > sa.bindparam("now"),
        users.c.blocked_at.is_(None),
        sa.or_(users.c.valid_until.is_(None), users.c.valid_until > sa.bindparam("now")),
    )
)
_RECORD = (
    sa.update(certificates)
    .where(certificates.c.serial == sa.bindparam("key"))
    .values(
        der=sa.bindparam("signed_der"),
        state=ISSUED,
        log_index=sa.bindparam("leaf"),
        fingerprint=sa.bindparam("digest"),
    )
)


def _pending(
    connection: Connection, records: Sequence[CertificateRecord]
) -> Mapping[str, datetime]:
    """Return which of them wait for their signature, by serial number, and since when."""
    serials = [record.serial_hex for record in records]
    found = connection.execute(_PENDING, {"serials": serials})
    return {row.serial: row.created_at for row in found}


def _record(
    transaction: Transaction, signed: Sequence[Signed], reserved_at: Mapping[str, datetime]
) -> None:
    """Append the certificates to the log, and put them and their leaves into their rows."""
    leaves = [
        log_entries.certificate(
            _row(each.record) | {"created_at": reserved_at[each.record.serial_hex]}, each.der
        )
        for each in signed
    ]
    first = log.append(transaction, leaves)
    rows = [
        {
            "key": each.record.serial_hex,
            "signed_der": each.der,
            "leaf": index,
            "digest": hashlib.sha256(each.der).hexdigest(),
        }
        for index, each in enumerate(signed, first)
    ]
    transaction.execute(_RECORD, rows)


def _event(record: CertificateRecord, now: datetime) -> AuditEvent:
    return AuditEvent.make(
        time=now,
        actor=actor_of(record.kind, record.subject),
        action="certificate.issue",
        target=record.serial_hex,
        client=record.client,
        details={
            "kind": record.kind.value,
            "subject": record.subject,
            "session": record.session_id,
            "key_sha256": record.key_sha256,
            "not_after": rfc3339(record.not_after),
        },
    )


def _compromised(
    connection: Connection, records: Sequence[CertificateRecord]
) -> dict[int, PgwardError]:
    """Return which of them are for a key that is never certified again, by serial number."""
    found = compromised.known(connection, {each.key_sha256 for each in records})
    return {each.serial: CompromisedKeyError() for each in records if each.key_sha256 in found}


def _living_sessions(
    connection: Connection, wanted: Collection[str | None], now: datetime
) -> set[str]:
    """Return which of these login sessions live, and are nobody's who is blocked."""
    return set(connection.execute(_LIVING, {"ids": list(wanted), "now": now}).scalars())


def _check_complete(connection: Connection, crl: PublishedCrl) -> None:
    """Raise ConflictError when another writer revoked something after this CRL was begun."""
    columns = certificates.c
    recent = sa.select(columns.serial).where(
        columns.ca == str(crl.name),
        columns.state == REVOKED,
        columns.revoked_at >= crl.this_update,
        columns.not_after >= crl.this_update,
    )
    wanted = {int(serial, 16) for serial in connection.execute(recent).scalars()}
    if wanted and wanted - {each.serial_number for each in x509.load_der_x509_crl(crl.der)}:
        raise ConflictError("a certificate was revoked while the CRL was signed")


def _row(record: CertificateRecord) -> dict[str, Any]:
    return {
        "serial": record.serial_hex,
        "ca": str(record.ca),
        "kind": record.kind.value,
        "subject": record.subject,
        "dns": list(record.dns),
        "ips": list(record.ips),
        "session_id": record.session_id,
        "client": record.client,
        "key_sha256": record.key_sha256,
        "not_before": record.not_before,
        "not_after": record.not_after,
    }
