"""Tokens: a person's password for one service and some hours, for clients that can do no more."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.handles import logins, verifier
from pgward.ca.handles.logins import Claim, Login
from pgward.ca.handles.wishes import Wish
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.store import Transaction
from pgward.ca.store.schema_secrets import access_tokens
from pgward.core import handles
from pgward.core.errors import ConflictError, NotFoundError

# A prefix lets scanners find a leaked one.
_PREFIX = "pgt1."
_ANYTHING = Wish()
_SECRET_BYTES = 32
_SALT_BYTES = 16
MOST = 50
"""Most that a person may have at once."""
# How exactly "last used" is kept: an edge remembers a token for some time anyway.
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token with its secret, which is stored nowhere."""

    id: str
    secret: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """A token as an edge needs it."""

    id: str
    login: Login
    verifier: str = field(repr=False)
    expires_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A token as its owner sees it."""

    id: str
    service: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_client: str | None


def create(
    transaction: Transaction,
    session: LoginSession,
    service: str,
    *,
    wish: Wish = _ANYTHING,
    lifetime: timedelta,
    now: datetime,
) -> NewToken:
    """Store a new one; it ends with its login session at the latest.

    Raises NotFoundError, InvalidInputError (not for this service), ConflictError (too many).
    """
    user = session.user
    logins.check_offered(transaction.connection, user, service, "token", now)
    wish.check(transaction.connection, user.name, service, now)
    if len(living(transaction.connection, user.name, now)) >= MOST:
        raise ConflictError(f"you have {MOST} tokens", hint="pgward tokens revoke ID")
    secret = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    ends = min(now + lifetime, session.expires_at).replace(microsecond=0)
    made = NewToken(handles.new_token_id(), secret, ends)
    row = {
        "id": made.id,
        "user_name": user.name,
        "service": service,
        "session_id": session.id,
        "verifier": verifier.make(secret, secrets.token_bytes(_SALT_BYTES)),
        "created_at": now,
        "expires_at": ends,
    }
    transaction.execute(sa.insert(access_tokens).values(row))
    return made


def find(connection: Connection, token_id: str, *, edge: str, now: datetime) -> Token:
    """Return a token that counts at this edge; raise RefusedError."""
    columns = access_tokens.c
    statement = sa.select(access_tokens).where(columns.id == token_id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise logins.refused("the token is unknown")
    who = f"{row.user_name} for {row.service}"
    if row.revoked_at is not None:
        raise logins.refused(f"{logins.REVOKED_WHY}: {who}")
    if row.expires_at <= now:
        raise logins.refused(f"the token has expired: {who}")
    claim = Claim(row.user_name, row.service, row.session_id, row.created_at)
    login = logins.check(connection, claim, edge=edge, way="token", now=now)
    return Token(row.id, login, row.verifier, row.expires_at, row.last_used_at)


def is_seen_lately(token: Token, now: datetime) -> bool:
    """Tell whether ``seen`` would say nothing worth a transaction."""
    last = token.last_used_at
    return last is not None and abs(now - last) < _SEEN_EVERY


def seen(transaction: Transaction, token: Token, client: str | None, now: datetime) -> None:
    """Note that somebody came with a token, and from where."""
    values = {"last_used_at": now, "last_client": client}
    chosen = access_tokens.c.id == token.id
    transaction.execute(sa.update(access_tokens).where(chosen).values(values))


def living(connection: Connection, user: str, now: datetime) -> list[Listed]:
    """Return a person's tokens that count, the newest first."""
    columns = access_tokens.c
    statement = (
        sa.select(access_tokens)
        .where(columns.user_name == user, columns.revoked_at.is_(None), columns.expires_at > now)
        .order_by(columns.created_at.desc(), columns.id)
    )
    return [
        Listed(
            id=row.id,
            service=row.service,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
            last_client=row.last_client,
        )
        for row in connection.execute(statement)
    ]


def revoke(transaction: Transaction, user: str, token_id: str, *, now: datetime, by: str) -> None:
    """Have a person's token count no more; edges end what runs on it. Raises NotFoundError."""
    columns = access_tokens.c
    chosen = sa.update(access_tokens).where(
        columns.id == token_id,
        columns.user_name == user,
        columns.revoked_at.is_(None),
        columns.expires_at > now,
    )
    if not transaction.execute(chosen.values(revoked_at=now, revoked_by=by)).rowcount:
        raise NotFoundError(f"there is no token {token_id!r}", hint="pgward tokens")
    transaction.changed()
