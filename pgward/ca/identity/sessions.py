"""Login sessions: an opaque token (256 random bits, stored hashed) bound to a device key."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.identity import directory, step_ups
from pgward.ca.identity.directory import User
from pgward.ca.store import Transaction
from pgward.ca.store.schema import login_sessions, users
from pgward.ca.store.schema_login import devices
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
    device_id: str | None = None
    factors: tuple[str, ...] = ()
    provider: str | None = None
    provider_sid: str | None = None


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a session begins with; the last four are an identity provider's."""

    user: User
    thumbprint: str
    method: str
    client: str | None
    lifetime: timedelta
    device_id: str | None = None
    factors: tuple[str, ...] = ()
    reason: str | None = None
    provider: str | None = None
    provider_subject: str | None = None
    provider_sid: str | None = None
    refresh_sealed: bytes | None = None


def start(transaction: Transaction, new: NewSession, *, now: datetime) -> tuple[LoginSession, str]:
    """Start a session; return it and its token, which is stored nowhere."""
    if new.user.blocked_at is not None:
        raise DeniedError("the user is blocked")
    if not new.user.is_valid(now):
        raise DeniedError("the account is not valid now")
    ends = [now + new.lifetime, *([new.user.valid_until] if new.user.valid_until else [])]
    token = _PREFIX + secrets.token_urlsafe(32)
    session = LoginSession(
        id=secrets.token_hex(16),
        user=new.user,
        thumbprint=new.thumbprint,
        method=new.method,
        created_at=now,
        expires_at=min(ends).replace(microsecond=0),
        device_id=new.device_id,
        factors=new.factors,
        provider=new.provider,
        provider_sid=new.provider_sid,
    )
    row = {
        "id": session.id,
        "token_hash": _hash(token),
        "user_name": new.user.name,
        "thumbprint": new.thumbprint,
        "method": new.method,
        "client": new.client,
        "created_at": now,
        "expires_at": session.expires_at,
        "device_id": new.device_id,
        "factors": list(new.factors),
        "reason": new.reason,
        "provider": new.provider,
        "provider_subject": new.provider_subject,
        "provider_sid": new.provider_sid,
        "refresh_sealed": new.refresh_sealed,
        "refreshed_at": None if new.refresh_sealed is None else now,
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
    if row is None or user is None or user.blocked_at is not None or not user.is_valid(now):
        return None
    return LoginSession(
        id=row.id,
        user=user,
        thumbprint=row.thumbprint,
        method=row.method,
        created_at=row.created_at,
        expires_at=row.expires_at,
        device_id=row.device_id,
        factors=tuple(row.factors or ()),
        provider=row.provider,
        provider_sid=row.provider_sid,
    )


def is_alive(connection: Connection, session_id: str, now: datetime) -> bool:
    """Tell whether a session lives, and its owner is not blocked."""
    statement = (
        sa.select(login_sessions.c.id)
        .join(users, users.c.name == login_sessions.c.user_name)
        .where(
            login_sessions.c.id == session_id,
            login_sessions.c.ended_at.is_(None),
            login_sessions.c.expires_at > now,
            users.c.blocked_at.is_(None),
            sa.or_(users.c.valid_until.is_(None), users.c.valid_until > now),
        )
    )
    return connection.execute(statement).first() is not None


@dataclass(frozen=True, slots=True)
class Listed:
    """A living session as its owner sees it in a list."""

    id: str
    user: str
    device_id: str | None
    device: str | None
    method: str
    provider: str | None
    factors: tuple[str, ...]
    reason: str | None
    client: str | None
    created_at: datetime
    expires_at: datetime


def living(connection: Connection, user: str, now: datetime, *, limit: int = 1000) -> list[Listed]:
    """Return a person's sessions that live, the newest first."""
    columns = login_sessions.c
    statement = (
        sa.select(login_sessions, devices.c.name.label("device_name"))
        .outerjoin(devices, devices.c.id == columns.device_id)
        .where(columns.user_name == user, columns.ended_at.is_(None), columns.expires_at > now)
        .order_by(columns.created_at.desc(), columns.id)
        .limit(limit)
    )
    return [
        Listed(
            id=row.id,
            user=row.user_name,
            device_id=row.device_id,
            device=row.device_name,
            method=row.method,
            provider=row.provider,
            factors=tuple(row.factors or ()),
            reason=row.reason,
            client=row.client,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )
        for row in connection.execute(statement)
    ]


def cap(transaction: Transaction, user: str, until: datetime) -> None:
    """Have none of a person's sessions outlive a time."""
    columns = login_sessions.c
    longer = (columns.user_name == user) & columns.ended_at.is_(None) & (columns.expires_at > until)
    whole = until.replace(microsecond=0)
    transaction.execute(sa.update(login_sessions).where(longer).values(expires_at=whole))


def end(
    transaction: Transaction,
    reason: str,
    *,
    now: datetime,
    user: str | None = None,
    session_id: str | None = None,
    thumbprint: str | None = None,
    keep: str | None = None,
) -> list[str]:
    """End a session, or all of a user or device key but ``keep``; return the ids of what lived.

    What was proved in them counts no more, and a provider's refresh token is forgotten.
    """
    columns = login_sessions.c
    chosen: list[sa.ColumnElement[bool]] = [columns.ended_at.is_(None)]
    if session_id is not None:
        chosen.append(columns.id == session_id)
    if user is not None:
        chosen.append(columns.user_name == user)
    if thumbprint is not None:  # sessions from before devices were kept have no id of one
        chosen.append(columns.thumbprint == thumbprint)
    if keep is not None:
        chosen.append(columns.id != keep)
    statement = (
        sa.update(login_sessions)
        .where(*chosen)
        .values(ended_at=now, end_reason=reason, refresh_sealed=None)
        .returning(columns.id, columns.expires_at)
    )
    ended = transaction.execute(statement).all()
    step_ups.remove(transaction, [row.id for row in ended])
    if ended:
        transaction.ended()
    return sorted(row.id for row in ended if row.expires_at > now)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
