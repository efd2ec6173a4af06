"""Who may still come by a handle, or go on: its login session, its person and its service count."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.access import admission
from pgward.ca.access.admission import Person
from pgward.ca.acts import RefusedError
from pgward.ca.identity import directory
from pgward.ca.identity.standings import ENDED_WHY, GONE_WHY
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.resources.stored import Resource
from pgward.ca.store.schema import login_sessions, users
from pgward.ca.store.schema_secrets import access_tokens
from pgward.core.errors import InvalidInputError, NotFoundError

Way = Literal["otp", "token"]
REVOKED_WHY = "the token was revoked"
UNKNOWN_WHY = "it is not known any more"
_HINT = "ask for a new one: pgward otp SERVICE, or pgward token SERVICE"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a handle says: whose it is, for which service, and on which login session it rests."""

    user: str
    service: str
    session_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Login:
    """Who comes by a handle that counts; ``method`` and ``factors`` are the login session's."""

    user: str
    service: str
    session_id: str
    session_ends: datetime
    method: str
    factors: tuple[str, ...]
    device_id: str | None


def refused(why: str) -> RefusedError:
    """Return the refusal of a handle: the same to whoever shows it, ``why`` for the audit log."""
    return RefusedError("the login does not count (unknown, used or expired)", why=why, hint=_HINT)


def check_offered(
    connection: Connection, person: Person, name: str, way: Way, now: datetime
) -> None:
    """See that a person may ask for a handle; raise NotFoundError, InvalidInputError."""
    found = _service(connection, name)
    if found is None or not admission.may_use(connection, name, found[1], person, now):
        raise NotFoundError(f"there is no service {name!r} for you", hint="pgward services")
    if not _lets_in_by(found[1], way):
        what = {"otp": "one-time passwords", "token": "tokens"}[way]
        raise InvalidInputError(
            f"the service {name} takes no {what}", hint=f"pgward connect {name}"
        )


def check(connection: Connection, claim: Claim, *, edge: str, way: Way, now: datetime) -> Login:
    """Return who comes by a handle at this edge; raise RefusedError, which says why."""
    session = _session(connection, claim.session_id)
    person = directory.find(connection, claim.user)
    who = f"{claim.user} for {claim.service}"
    if person is None or person.blocked_at is not None or not person.is_valid(now):
        raise refused(f"{GONE_WHY}: {who}")
    if session is None or session.ended_at is not None or session.expires_at <= now:
        raise refused(f"{ENDED_WHY}: {who}")
    _check_service(connection, claim, person, edge=edge, way=way, now=now)
    return Login(
        user=person.name,
        service=claim.service,
        session_id=session.id,
        session_ends=session.expires_at,
        method=session.method,
        factors=tuple(session.factors or ()),
        device_id=session.device_id,
    )


def _check_service(
    connection: Connection, claim: Claim, person: Person, *, edge: str, way: Way, now: datetime
) -> None:
    """See that the service is the one that was meant, and takes this person so, at this edge."""
    found = _service(connection, claim.service)
    who = f"{claim.user} for {claim.service}"
    # Another service of the same name is another service.
    if found is None or found[0].created_at > claim.created_at:
        raise refused(f"the service is gone: {who}")
    _, spec = found
    if not spec.is_on(edge):
        raise refused(f"this edge does not serve it: {who}")
    if not admission.may_use(connection, claim.service, spec, person, now):
        raise refused(f"the service is for others now: {who}")
    if not _lets_in_by(spec, way):
        raise refused(f"the service does not take these any more: {who}")


def over(
    connection: Connection,
    session_ids: Collection[str],
    token_ids: Collection[str],
    now: datetime,
) -> dict[str, str]:
    """Return which login sessions and tokens count no more, and why of each.

    Time alone ends no database session, as in PostgreSQL itself. What is so long over that it was
    forgotten counts no more.
    """
    known = _sessions(connection, session_ids, now) | _tokens(connection, token_ids)
    found = {name: known.get(name, UNKNOWN_WHY) for name in (*session_ids, *token_ids)}
    return {name: why for name, why in found.items() if why}


def _sessions(connection: Connection, ids: Collection[str], now: datetime) -> dict[str, str]:
    columns = login_sessions.c
    statement = (
        sa.select(columns.id, columns.ended_at, users.c.blocked_at, users.c.valid_until)
        .join(users, users.c.name == columns.user_name)
        .where(columns.id.in_(ids))
    )
    found = {}
    for row in connection.execute(statement):
        gone = row.blocked_at is not None or (row.valid_until and row.valid_until <= now)
        found[row.id] = GONE_WHY if gone else ENDED_WHY if row.ended_at is not None else ""
    return found


def _tokens(connection: Connection, ids: Collection[str]) -> dict[str, str]:
    columns = access_tokens.c
    chosen = sa.select(columns.id, columns.revoked_at).where(columns.id.in_(ids))
    rows = connection.execute(chosen)
    return {row.id: "" if row.revoked_at is None else REVOKED_WHY for row in rows}


def _lets_in_by(spec: ServiceSpec, way: Way) -> bool:
    login = None if spec.postgres is None else spec.postgres.login
    return login is not None and {"otp": login.otp, "token": login.token}[way]


def _service(connection: Connection, name: str) -> tuple[Resource, ServiceSpec] | None:
    found = resources.find(connection, "Service", name)
    return None if found is None else (found, ServiceSpec.model_validate(found.spec))


def _session(connection: Connection, session_id: str) -> sa.Row[Any] | None:
    statement = sa.select(login_sessions).where(login_sessions.c.id == session_id)
    return connection.execute(statement).one_or_none()
