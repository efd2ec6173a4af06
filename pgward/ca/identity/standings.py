"""Whether a certificate, or a person, still counts: for those whose database sessions run on.

PostgreSQL looks at a certificate once, when a session begins; a session may outlive it by days. So
an answer is about expired certificates, too, which no revocation list names.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.records import PEOPLES
from pgward.ca.store.certificates import REVOKED
from pgward.ca.store.schema import certificates, login_sessions, users

REVOKED_WHY = "the certificate is revoked"
ENDED_WHY = "the login session was ended"
GONE_WHY = "the account is blocked, has ended or was removed"
MAYBE_WHY = "a certificate that it may have begun with is revoked"
_CHUNK = 500
# From the start of a session's process to the handshake: authentication_timeout, 60 seconds.
_LONGEST_LOGIN = timedelta(seconds=60)
# By how much a host's clock may be behind ours, after what is known of that was taken off.
_SKEW = timedelta(seconds=60)
# From a revocation until the server has the list that names it.
_UNTIL_LISTED = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class CertificateStanding:
    """A login certificate; ``over`` says why what began with it must end, None while it may go on.

    Time alone ends nothing, as in PostgreSQL itself.
    """

    serial: str
    not_after: datetime
    over: str | None


@dataclass(frozen=True, slots=True)
class Began:
    """A database session of which only the person and the beginning are known."""

    person: str
    at: datetime


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
        chosen = statement.where(columns.kind.in_(PEOPLES), columns.serial.in_(some))
        for row in connection.execute(chosen):
            over = REVOKED_WHY if row.state == REVOKED else None
            over = over or (GONE_WHY if row.gone else None)
            over = over or (ENDED_WHY if row.ended_at is not None else None)
            found.append(CertificateStanding(row.serial, row.not_after, over))
    return sorted(found, key=lambda each: each.serial)


def of_sessions(
    connection: Connection, sessions: Sequence[Began], now: datetime
) -> list[str | None]:
    """Return of each session why it must end, or None: also where the person is not known here.

    For servers that tell no serial number. A session began with one of the certificates that its
    person could use then. It is over when the person is gone; when all of those certificates are;
    or when one was revoked by itself, though another may have been the one: a session that is
    ended for nothing costs a new connection, one that goes on may be a thief's.
    """
    names = sorted({each.person for each in sessions})
    known = _known(connection, names)
    gone = known - _present(connection, sorted(known), now)
    ended = _ended(connection, sorted(known), now)
    candidates = _candidates(connection, sessions, known - gone)
    return [_over(each, candidates, gone, ended) for each in sessions]


@dataclass(frozen=True, slots=True)
class _Certificate:
    """A certificate of a person: when it could be used, and what became of it."""

    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    ended_at: datetime | None

    @property
    def is_over(self) -> bool:
        return self.revoked_at is not None or self.ended_at is not None

    @property
    def was_revoked_by_itself(self) -> bool:
        """Whether its login session went on."""
        if self.revoked_at is None:
            return False
        return self.ended_at is None or self.revoked_at < self.ended_at

    def was_good(self, at: datetime) -> bool:
        """Tell whether it was valid when the process of a session started."""
        return self.not_before - _LONGEST_LOGIN <= at <= self.not_after + _SKEW

    def was_unlisted(self, at: datetime) -> bool:
        """Tell whether the server may not yet have known of its revocation."""
        return self.revoked_at is None or at <= self.revoked_at + _UNTIL_LISTED


def _over(
    session: Began,
    candidates: Mapping[str, Sequence[_Certificate]],
    gone: Collection[str],
    ended: Collection[str],
) -> str | None:
    if session.person in gone:
        return GONE_WHY
    good = [each for each in candidates.get(session.person, ()) if each.was_good(session.at)]
    if not good:  # they are forgotten by now
        return ENDED_WHY if session.person in ended else None
    used = [each for each in good if each.was_unlisted(session.at)] or good
    if all(each.is_over for each in used):
        return ENDED_WHY if any(each.ended_at for each in used) else REVOKED_WHY
    return MAYBE_WHY if any(each.was_revoked_by_itself for each in used) else None


def _candidates(
    connection: Connection, sessions: Sequence[Began], people: Collection[str]
) -> dict[str, list[_Certificate]]:
    """Return the certificates of people that any of the sessions may have begun with."""
    found: dict[str, list[_Certificate]] = {}
    asked = [each.at for each in sessions if each.person in people]
    if not asked:
        return found
    columns = certificates.c
    statement = (
        sa.select(
            columns.subject,
            columns.not_before,
            columns.not_after,
            columns.revoked_at,
            login_sessions.c.ended_at,
        )
        .select_from(
            certificates.outerjoin(login_sessions, login_sessions.c.id == columns.session_id)
        )
        .where(
            columns.kind.in_(PEOPLES),
            columns.not_after >= min(asked) - _SKEW,
            columns.not_before <= max(asked) + _LONGEST_LOGIN,
        )
    )
    for some in _chunks(sorted(people)):
        for row in connection.execute(statement.where(columns.subject.in_(some))):
            found.setdefault(row.subject, []).append(
                _Certificate(row.not_before, row.not_after, row.revoked_at, row.ended_at)
            )
    return found


def _known(connection: Connection, names: Sequence[str]) -> set[str]:
    """Return who of these ever had a certificate."""
    columns = certificates.c
    had_one = sa.select(columns.subject).distinct().where(columns.kind.in_(PEOPLES))
    found: set[str] = set()
    for some in _chunks(names):
        found |= set(connection.execute(had_one.where(columns.subject.in_(some))).scalars())
    return found


def _present(connection: Connection, names: Sequence[str], now: datetime) -> set[str]:
    """Return who of these is in the directory, and may be somebody."""
    found: set[str] = set()
    for some in _chunks(names):
        wanted = sa.select(users.c.name).where(users.c.name.in_(some), sa.not_(_gone(now)))
        found |= set(connection.execute(wanted).scalars())
    return found


def _ended(connection: Connection, names: Sequence[str], now: datetime) -> set[str]:
    """Return of whom no session lives, and one that is remembered was ended."""
    columns = login_sessions.c
    lives = sa.and_(columns.ended_at.is_(None), columns.expires_at > now)
    statement = (
        sa.select(columns.user_name)
        .group_by(columns.user_name)
        .having(
            sa.func.count(columns.ended_at) > 0,
            sa.func.sum(sa.case((lives, 1), else_=0)) == 0,
        )
    )
    found: set[str] = set()
    for some in _chunks(names):
        found |= set(connection.execute(statement.where(columns.user_name.in_(some))).scalars())
    return found


def _gone(now: datetime) -> sa.ColumnElement[bool]:
    ended = sa.and_(users.c.valid_until.is_not(None), users.c.valid_until <= now)
    return sa.or_(users.c.name.is_(None), users.c.blocked_at.is_not(None), ended)


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
