"""Whether a certificate, or a person, still counts: for those whose database sessions run on.

PostgreSQL looks at a certificate once, when a session begins; a session may outlive it by days. So
an answer is about expired certificates, too, which no revocation list names.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.records import Kind
from pgward.ca.store.certificates import REVOKED
from pgward.ca.store.schema import certificates, login_sessions, users

REVOKED_WHY = "the certificate is revoked"
ENDED_WHY = "the login session was ended"
GONE_WHY = "the account is blocked, has ended or was removed"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class CertificateStanding:
    """A login certificate; ``over`` says why what began with it must end, None while it may go on.

    Time alone ends nothing, as in PostgreSQL itself.
    """

    serial: str
    not_after: datetime
    over: str | None


@dataclass(frozen=True, slots=True)
class PersonStanding:
    """A person who had a certificate once; ``over`` as for certificates."""

    name: str
    over: str | None


def of_certificates(
    connection: Connection, serials: Sequence[str], now: datetime
) -> list[CertificateStanding]:
    """Return how those of these certificates stand that are people's and known here."""
    columns = certificates.c
    joined = certificates.outerjoin(users, users.c.name == columns.subject).outerjoin(
        login_sessions, login_sessions.c.id == columns.session_id
    )
    statement = sa.select(
        columns.serial,
        columns.not_after,
        columns.state,
        login_sessions.c.ended_at,
        _gone(now).label("gone"),
    ).select_from(joined)
    found = []
    for some in _chunks(serials):
        chosen = statement.where(columns.kind == Kind.PERSON.value, columns.serial.in_(some))
        for row in connection.execute(chosen):
            over = REVOKED_WHY if row.state == REVOKED else None
            over = over or (GONE_WHY if row.gone else None)
            over = over or (ENDED_WHY if row.ended_at is not None else None)
            found.append(CertificateStanding(row.serial, row.not_after, over))
    return sorted(found, key=lambda each: each.serial)


def of_people(connection: Connection, names: Sequence[str], now: datetime) -> list[PersonStanding]:
    """Return how those of these people stand who ever had a certificate of this CA.

    Where no session of a person lives, and one of those that are remembered was ended, it is over.
    """
    columns = certificates.c
    had_one = sa.select(columns.subject).distinct().where(columns.kind == Kind.PERSON.value)
    found = []
    for some in _chunks(names):
        known = connection.execute(had_one.where(columns.subject.in_(some))).scalars().all()
        gone = set(known) - set(
            connection.execute(
                sa.select(users.c.name).where(users.c.name.in_(known), sa.not_(_gone(now)))
            ).scalars()
        )
        ended = _ended(connection, known, now)
        for name in known:
            over = GONE_WHY if name in gone else ENDED_WHY if name in ended else None
            found.append(PersonStanding(name, over))
    return sorted(found, key=lambda each: each.name)


def _ended(connection: Connection, names: Sequence[str], now: datetime) -> set[str]:
    columns = login_sessions.c
    lives = sa.and_(columns.ended_at.is_(None), columns.expires_at > now)
    statement = (
        sa.select(columns.user_name)
        .where(columns.user_name.in_(names))
        .group_by(columns.user_name)
        .having(
            sa.func.count(columns.ended_at) > 0,
            sa.func.sum(sa.case((lives, 1), else_=0)) == 0,
        )
    )
    return set(connection.execute(statement).scalars())


def _gone(now: datetime) -> sa.ColumnElement[bool]:
    ended = sa.and_(users.c.valid_until.is_not(None), users.c.valid_until <= now)
    return sa.or_(users.c.name.is_(None), users.c.blocked_at.is_not(None), ended)


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
