"""Invitations: a link each, by which one person chooses a password; one of a person's counts.

The store has only its id. The link has it sealed: who reads the store can make no link of it, and
the outbox of messages needs to keep none.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import invitations
from pgward.core.errors import DeniedError

PATH: Final = "/welcome"
PREFIX: Final = "pgi1."
"""A prefix lets scanners find a leaked one."""
MAX_LENGTH: Final = 200
_PURPOSE: Final = "invitation"
_GONE: Final = "this link is not valid: it was used already, has expired, or another one came later"


@dataclass(frozen=True, slots=True)
class Invitation:
    """That somebody may choose a password, until it expires."""

    id: str
    user: str
    created_at: datetime
    created_by: str
    expires_at: datetime


def create(
    transaction: Transaction, user: str, *, lifetime: timedelta, now: datetime, by: str
) -> Invitation:
    """Store an invitation in the place of any before it."""
    remove(transaction, user)
    made = Invitation(
        id=secrets.token_hex(16),
        user=user,
        created_at=now,
        created_by=by,
        expires_at=(now + lifetime).replace(microsecond=0),
    )
    row = {
        "id": made.id,
        "user_name": user,
        "created_at": now,
        "created_by": by,
        "expires_at": made.expires_at,
    }
    transaction.execute(sa.insert(invitations).values(row))
    return made


def get(connection: Connection, id: str, now: datetime) -> Invitation:  # noqa: A002 - as the column
    """Return one that counts; raise DeniedError."""
    columns = invitations.c
    chosen = (columns.id == id) & (columns.expires_at > now)
    row = connection.execute(sa.select(invitations).where(chosen)).one_or_none()
    if row is None:
        raise DeniedError(_GONE, hint="ask an administrator for a new link")
    return _invitation(row)


def living(
    connection: Connection, now: datetime, *, users: Collection[str] | None = None
) -> list[Invitation]:
    """Return those that count, the newest first: all, or of these people."""
    columns = invitations.c
    statement = sa.select(invitations).where(columns.expires_at > now)
    if users is not None:
        statement = statement.where(columns.user_name.in_(users))
    rows = connection.execute(statement.order_by(columns.created_at.desc(), columns.id))
    return [_invitation(row) for row in rows]


def remove(transaction: Transaction, user: str) -> str | None:
    """Have a person's invitation count no more; return its id, None when there was none."""
    columns = invitations.c
    statement = sa.delete(invitations).where(columns.user_name == user).returning(columns.id)
    found: str | None = transaction.execute(statement).scalar_one_or_none()
    return found


def link(sealer: Sealer, origin: str, id: str) -> str:  # noqa: A002 - as the column
    """Return the address that a person opens; it is as good as a password."""
    sealed = urlsafe_b64encode(sealer.seal(_PURPOSE, bytes.fromhex(id))).rstrip(b"=")
    return f"{origin}{PATH}?invitation={PREFIX}{sealed.decode('ascii')}"


def id_of(sealer: Sealer, text: str) -> str:
    """Return the id that a link has in it; raise DeniedError."""
    # Nothing that begins otherwise, or is too long, can be opened.
    sealed = text.removeprefix(PREFIX) if text.startswith(PREFIX) else ""
    sealed = sealed if len(sealed) < MAX_LENGTH else ""
    try:
        return sealer.open(_PURPOSE, urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))).hex()
    except (SealError, ValueError):
        raise DeniedError(
            "this link is not one of this authority's, or not all of it",
            hint="copy it again, whole, or ask an administrator for a new one",
        ) from None


def _invitation(row: sa.Row[Any]) -> Invitation:
    return Invitation(row.id, row.user_name, row.created_at, row.created_by, row.expires_at)
