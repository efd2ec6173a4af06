"""Device tokens: one, used once, brings one new device of one person in."""

import hashlib
import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import device_tokens
from pgward.core.errors import ConflictError, DeniedError

# A prefix lets scanners find a leaked token.
PREFIX = "pgd1."
MOST = 20


def create(
    transaction: Transaction, user: str, *, lifetime: timedelta, now: datetime, by: str
) -> tuple[str, datetime]:
    """Store a new token; return its text, which is stored nowhere, and when it expires.

    ConflictError when the person has too many that nobody used.
    """
    columns = device_tokens.c
    unused = (columns.user_name == user) & columns.used_at.is_(None) & (columns.expires_at > now)
    counting = sa.select(sa.func.count()).select_from(device_tokens).where(unused)
    if transaction.execute(counting).scalar_one() >= MOST:
        raise ConflictError(
            f"{user} has {MOST} device tokens that are not used", hint="use one, or let one expire"
        )
    secret = PREFIX + secrets.token_urlsafe(24)
    expires_at = (now + lifetime).replace(microsecond=0)
    row = {
        "secret_hash": _hash(secret),
        "user_name": user,
        "created_at": now,
        "created_by": by,
        "expires_at": expires_at,
    }
    transaction.execute(sa.insert(device_tokens).values(row))
    return secret, expires_at


def is_good(connection: Connection, user: str, secret: str, now: datetime) -> bool:
    """Tell whether ``use`` would succeed now."""
    found = sa.select(device_tokens.c.user_name).where(*_usable(user, secret, now))
    return connection.execute(found).one_or_none() is not None


def use(transaction: Transaction, user: str, secret: str, now: datetime) -> str:
    """Use a token up, and return who made it; DeniedError when it is not good any more."""
    statement = (
        sa.update(device_tokens)
        .where(*_usable(user, secret, now))
        .values(used_at=now)
        .returning(device_tokens.c.created_by)
    )
    by: str | None = transaction.execute(statement).scalar_one_or_none()
    if by is None:
        raise DeniedError(
            "the device token is not valid: unknown, expired or used already",
            hint="make a new one: pgward devices token",
        )
    return by


def _usable(user: str, secret: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    columns = device_tokens.c
    return (
        columns.secret_hash == _hash(secret),
        columns.user_name == user,
        columns.used_at.is_(None),
        columns.expires_at > now,
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
