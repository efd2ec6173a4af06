"""Login sessions: an opaque token (256 random bits, stored hashed) bound to a device key."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.identity import directory
from pgward.ca.identity.directory import User
from pgward.ca.store import Transaction
from pgward.ca.store.schema import login_sessions
from pgward.core.errors import DeniedError

# A prefix lets scanners find a leaked token.
_PREFIX = "pgs1."
_MAX_TOKEN = 128


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A session that is alive, and whose it is; ``thumbprint`` is RFC 7638's, as ``jkt``."""

    id: str
    user: User
    thumbprint: str
    method: str
    created_at: datetime
    expires_at: datetime


def start(
    transaction: Transaction,
    user: User,
    *,
    thumbprint: str,
    method: str,
    client: str | None,
    now: datetime,
    lifetime: timedelta,
) -> tuple[LoginSession, str]:
    """Start a session; return it and its token, which is stored nowhere."""
    if user.blocked_at is not None:
        raise DeniedError("the user is blocked")
    token = _PREFIX + secrets.token_urlsafe(32)
    session = LoginSession(
        secrets.token_hex(16),
        user,
        thumbprint,
        method,
        now,
        (now + lifetime).replace(microsecond=0),
    )
    row = {
        "id": session.id,
        "token_hash": _hash(token),
        "user_name": user.name,
        "thumbprint": thumbprint,
        "method": method,
        "client": client,
        "created_at": now,
        "expires_at": session.expires_at,
    }
    transaction.execute(sa.insert(login_sessions).values(row))
    return session, token


def find(connection: Connection, token: str, now: datetime) -> LoginSession | None:
    """Return the live session of a token; None when it ended, or its user is gone or blocked."""
    if not token.startswith(_PREFIX) or len(token) > _MAX_TOKEN:
        return None
    statement = sa.select(login_sessions).where(
        login_sessions.c.token_hash == _hash(token),
        login_sessions.c.ended_at.is_(None),
        login_sessions.c.expires_at > now,
    )
    row = connection.execute(statement).one_or_none()
    user = None if row is None else directory.find(connection, row.user_name)
    if row is None or user is None or user.blocked_at is not None:
        return None
    return LoginSession(row.id, user, row.thumbprint, row.method, row.created_at, row.expires_at)


def end(
    transaction: Transaction,
    reason: str,
    *,
    now: datetime,
    user: str | None = None,
    session_id: str | None = None,
    keep: str | None = None,
) -> list[str]:
    """End a session, or all of a user's but ``keep``; return the ids of those that ended."""
    columns = login_sessions.c
    chosen: list[sa.ColumnElement[bool]] = [columns.ended_at.is_(None)]
    if session_id is not None:
        chosen.append(columns.id == session_id)
    if user is not None:
        chosen.append(columns.user_name == user)
    if keep is not None:
        chosen.append(columns.id != keep)
    statement = (
        sa.update(login_sessions)
        .where(*chosen)
        .values(ended_at=now, end_reason=reason)
        .returning(columns.id, columns.expires_at)
    )
    return sorted(row.id for row in transaction.execute(statement).all() if row.expires_at > now)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
