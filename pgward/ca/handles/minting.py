"""On what grounds an edge gets a certificate in a person's name: they are logged in, and may."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.access import admission
from pgward.ca.acts import RefusedError
from pgward.ca.identity import directory
from pgward.ca.identity.directory import User
from pgward.ca.identity.standings import ENDED_WHY, GONE_WHY, REVOKED_WHY
from pgward.ca.records import Kind
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.store.certificates import REVOKED
from pgward.ca.store.schema import certificates, login_sessions


@dataclass(frozen=True, slots=True)
class Wanted:
    """For whom an edge wants a certificate, to log in as which role, and by what the person came.

    That is the login session, or the login certificate with this serial number; without both, the
    newest login session of the person counts.
    """

    service: str
    user: str
    role: str
    session_id: str | None
    serial: str | None


@dataclass(frozen=True, slots=True)
class Grounds:
    """Whose certificate it may be, no longer than the login session, and how long at most.

    That is no longer than the grant either that it rests on, if it rests on one.
    """

    user: str
    session_id: str
    session_ends: datetime
    lifetime: timedelta


def find(connection: Connection, wanted: Wanted, *, edge: str, now: datetime) -> Grounds:
    """Return the grounds; raise RefusedError, which says why to the audit log and the edge."""
    found = resources.find(connection, "Service", wanted.service)
    spec = None if found is None else ServiceSpec.model_validate(found.spec)
    if spec is None or not spec.is_on(edge):
        raise _refused("this edge serves no such service")
    minutes = None if spec.postgres is None else spec.postgres.minted_minutes()
    if spec.postgres is None or minutes is None:
        raise _refused("the service does not log in by certificates")
    person = able(connection, wanted.user, now)
    granted = admission.held(connection, person.name, now).get(wanted.service)
    stands = spec.is_for(person.name, person.groups)
    if not stands and granted is None:
        raise _refused("the service is not for this person")
    own = None if granted is None else granted.role
    if not spec.postgres.mints_for(wanted.role, person.name, own):
        raise _refused("the service lets this person not be that role")
    session = session_of(connection, wanted, person.name, now)
    lifetime = timedelta(minutes=minutes)
    by_grant = not stands or not spec.postgres.mints_for(wanted.role, person.name)
    if granted is not None and by_grant:
        lifetime = min(lifetime, granted.until - now)
    return Grounds(person.name, session.id, session.expires_at, lifetime)


def able(connection: Connection, name: str, now: datetime) -> User:
    """Return a person who is there, and not blocked; raise RefusedError."""
    person = directory.find(connection, name)
    if person is None or person.blocked_at is not None or not person.is_valid(now):
        raise _refused(GONE_WHY)
    return person


def session_of(connection: Connection, wanted: Wanted, user: str, now: datetime) -> sa.Row[Any]:
    """Return the login session by which a person came; raise RefusedError."""
    columns = login_sessions.c
    session_id = wanted.session_id
    if session_id is None and wanted.serial is not None:
        session_id = _session_of(connection, wanted.serial, user)
    chosen = sa.select(login_sessions).where(
        columns.user_name == user, columns.ended_at.is_(None), columns.expires_at > now
    )
    if session_id is not None:
        chosen = chosen.where(columns.id == session_id)
    newest = chosen.order_by(columns.created_at.desc(), columns.id).limit(1)
    found = connection.execute(newest).one_or_none()
    if found is None:
        raise _refused(ENDED_WHY if session_id is not None else "the person is not logged in")
    return found


def _session_of(connection: Connection, serial: str, user: str) -> str:
    """Return in which session a person's login certificate was issued."""
    columns = certificates.c
    statement = sa.select(columns.session_id, columns.state).where(
        columns.serial == serial, columns.kind == Kind.PERSON.value, columns.subject == user
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise _refused("that is no login certificate of this person")
    if row.state == REVOKED:
        raise _refused(REVOKED_WHY)
    return str(row.session_id)


def _refused(why: str) -> RefusedError:
    return RefusedError("no certificate is minted", why=why, hint=why)
