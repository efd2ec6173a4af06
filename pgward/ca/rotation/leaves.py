"""Certificates that a CA issued and somebody still holds."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.records import Kind
from pgward.ca.revoking.crl_maker import KEEP_EXPIRED
from pgward.ca.store import certificates as stored
from pgward.ca.store.schema import certificates

# What the authority itself needs of a CA as long as it is there, or made to try it. An edge that
# presents a certificate of the new CA has a snapshot that the new CA's signer signed.
_NOBODYS = (Kind.CA.value, Kind.PROBE.value, Kind.SNAPSHOT.value, "ocsp")
# A certificate that is being signed takes milliseconds; an older one was given up.
_SIGNING = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Held:
    """Living certificates of one kind; those not ``replaced`` by one of the other CA lock out."""

    kind: str
    alive: int
    replaced: int
    last_ends: datetime

    @property
    def left(self) -> int:
        """How many have no successor yet."""
        return self.alive - self.replaced


def held(
    connection: Connection, of: Collection[str], by: Collection[str], now: datetime
) -> list[Held]:
    """Count what lives of the CAs ``of``; whoever got one of ``by`` later has replaced it."""
    old = certificates.alias()
    statement = (
        sa.select(
            old.c.kind,
            sa.func.count(),
            sa.func.sum(sa.case((_replaced(old, by, now), 1), else_=0)),
            sa.func.max(old.c.not_after),
        )
        .where(*_alive(old, of, now))
        .group_by(old.c.kind)
        .order_by(old.c.kind)
    )
    return [Held(row[0], row[1], int(row[2]), row[3]) for row in connection.execute(statement)]


def unreplaced(
    connection: Connection, of: Collection[str], by: Collection[str], now: datetime
) -> list[str]:
    """Return the serial numbers of those without a successor."""
    old = certificates.alias()
    statement = sa.select(old.c.serial).where(*_alive(old, of, now), ~_replaced(old, by, now))
    return list(connection.execute(statement).scalars())


def list_until(connection: Connection, ca: str, now: datetime) -> datetime:
    """Return how long a CA's revocation list must be kept up."""
    statement = sa.select(sa.func.max(certificates.c.not_after)).where(
        certificates.c.ca == ca, certificates.c.kind != Kind.CA.value
    )
    last: datetime | None = connection.execute(statement).scalar_one()
    return max(now, last or now) + KEEP_EXPIRED


def _alive(
    old: sa.FromClause, of: Collection[str], now: datetime
) -> tuple[sa.ColumnElement[bool], ...]:
    being_signed = (old.c.state == stored.PENDING) & (old.c.created_at >= now - _SIGNING)
    return (
        old.c.ca.in_(list(of)),
        sa.or_(old.c.state == stored.ISSUED, being_signed),
        old.c.not_after >= now,
        old.c.kind.not_in(_NOBODYS),
    )


def _replaced(old: sa.FromClause, by: Collection[str], now: datetime) -> sa.ColumnElement[bool]:
    new = certificates.alias()
    return (
        sa.select(new.c.serial)
        .where(
            new.c.ca.in_(list(by)),
            new.c.kind == old.c.kind,
            new.c.subject == old.c.subject,
            new.c.state == stored.ISSUED,
            new.c.not_after >= now,
            new.c.created_at > old.c.created_at,
            sa.or_(old.c.session_id.is_(None), new.c.session_id == old.c.session_id),
        )
        .exists()
    )
