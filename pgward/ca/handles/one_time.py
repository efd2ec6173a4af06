"""One-time passwords: made for one person and service, used up by the first edge that asks."""

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.handles import logins
from pgward.ca.handles.logins import Claim, Login
from pgward.ca.handles.wishes import Wish
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.store import Transaction
from pgward.ca.store.schema_secrets import one_time_passwords
from pgward.core import handles
from pgward.core.errors import ConflictError

_ANYTHING = Wish()
LIFETIME = timedelta(minutes=5)
MOST = 20
"""Most that a person may have at once and not have used."""


def create(
    transaction: Transaction,
    session: LoginSession,
    service: str,
    *,
    wish: Wish = _ANYTHING,
    now: datetime,
) -> tuple[str, datetime]:
    """Store a new one; return its text, which is stored nowhere, and when it expires.

    Raises NotFoundError, InvalidInputError (not for this service), ConflictError (too many).
    """
    user = session.user
    logins.check_offered(transaction.connection, user, service, "otp", now)
    wish.check(transaction.connection, user.name, service, now)
    _check_number(transaction.connection, user.name, now)
    text = handles.new_one_time()
    expires_at = min(now + LIFETIME, session.expires_at).replace(microsecond=0)
    row = {
        "sha256": digest(text),
        "user_name": user.name,
        "service": service,
        "session_id": session.id,
        "created_at": now,
        "expires_at": expires_at,
    }
    transaction.execute(sa.insert(one_time_passwords).values(row))
    return text, expires_at


def digest(text: str) -> str:
    """Return what is known of one: it has 128 random bits, so a plain hash tells nothing."""
    return hashlib.sha256(text.encode()).hexdigest()


def find(
    connection: Connection, sha256: str, *, edge: str, service: str | None, now: datetime
) -> Login:
    """Return who would come by it; raise RefusedError. ``service`` is what the client asked for."""
    statement = sa.select(one_time_passwords).where(one_time_passwords.c.sha256 == sha256)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise logins.refused("the one-time password is unknown")
    who = f"{row.user_name} for {row.service}"
    if row.used_at is not None:
        raise logins.refused(f"the one-time password was used already, at {row.used_by}: {who}")
    if row.expires_at <= now:
        raise logins.refused(f"the one-time password has expired: {who}")
    if service not in (None, row.service):
        raise logins.refused(f"the one-time password is not for {service}: {who}")
    claim = Claim(row.user_name, row.service, row.session_id, row.created_at)
    return logins.check(connection, claim, edge=edge, way="otp", now=now)


def redeem(
    transaction: Transaction, sha256: str, *, edge: str, service: str | None, now: datetime
) -> Login:
    """Use one up; raise RefusedError. Who is refused leaves it as it is.

    There is one writer of all replicas at a time, and the row is looked at again where it changes:
    one asker wins.
    """
    found = find(transaction.connection, sha256, edge=edge, service=service, now=now)
    columns = one_time_passwords.c
    unused = sa.update(one_time_passwords).where(
        columns.sha256 == sha256, columns.used_at.is_(None)
    )
    if transaction.execute(unused.values(used_at=now, used_by=edge)).rowcount != 1:
        raise logins.refused("the one-time password was used already")
    return found


def _check_number(connection: Connection, user: str, now: datetime) -> None:
    columns = one_time_passwords.c
    unused = (columns.user_name == user) & columns.used_at.is_(None) & (columns.expires_at > now)
    counting = sa.select(sa.func.count()).select_from(one_time_passwords).where(unused)
    if connection.execute(counting).scalar_one() >= MOST:
        raise ConflictError(
            f"you have {MOST} one-time passwords that are not used",
            hint="use one, or wait for minutes",
        )
