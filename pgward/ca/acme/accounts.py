"""Accounts in the store: a client's key, and the EAB key that it was bound with."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.acme import eab_keys, jwk
from pgward.ca.acme.eab_keys import EabKey
from pgward.ca.acme.jwk import AccountKey
from pgward.ca.acme.states import Account as State
from pgward.ca.store import Transaction
from pgward.ca.store.schema_acme import acme_accounts
from pgward.core.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Account:
    """An account as stored; ``eab`` is the key that it was bound with, if any."""

    id: str
    key: AccountKey
    status: State
    contact: tuple[str, ...]
    created_at: datetime
    client: str | None
    kid: str | None
    eab: EabKey | None

    @property
    def actor(self) -> str:
        """The account's name in audit events."""
        return f"acme:{self.eab.name}" if self.eab else f"acme:{self.id}"


def create(
    transaction: Transaction,
    key: AccountKey,
    contact: tuple[str, ...],
    kid: str | None,
    *,
    now: datetime,
    client: str | None,
) -> Account:
    """Store a new account."""
    row = {
        "id": secrets.token_hex(16),
        "thumbprint": key.thumbprint,
        "jwk": key.members,
        "status": State.VALID.value,
        "contact": list(contact),
        "kid": kid,
        "client": client,
        "created_at": now,
    }
    transaction.execute(sa.insert(acme_accounts).values(row))
    return get(transaction.connection, str(row["id"]))


def find(connection: Connection, account_id: str) -> Account | None:
    """Return the account with this id."""
    return _one(connection, acme_accounts.c.id == account_id)


def find_by_key(connection: Connection, key: AccountKey) -> Account | None:
    """Return the account that has this key, whatever its state."""
    return _one(connection, acme_accounts.c.thumbprint == key.thumbprint)


def get(connection: Connection, account_id: str) -> Account:
    """Return the account; raise NotFoundError."""
    found = find(connection, account_id)
    if found is None:
        raise NotFoundError(
            f"there is no ACME account {account_id!r}", hint="pgward ca acme account list"
        )
    return found


def every(connection: Connection, limit: int = 1000) -> list[Account]:
    """Return the newest accounts, the newest first."""
    order = acme_accounts.c.created_at.desc()
    rows = connection.execute(sa.select(acme_accounts).order_by(order).limit(limit)).all()
    return [_account(connection, row) for row in rows]


def update(
    transaction: Transaction,
    account_id: str,
    *,
    contact: tuple[str, ...] | None = None,
    status: State | None = None,
    key: AccountKey | None = None,
) -> Account:
    """Change what is given."""
    values: dict[str, Any] = {}
    if contact is not None:
        values["contact"] = list(contact)
    if status is not None:
        values["status"] = status.value
    if key is not None:
        values |= {"thumbprint": key.thumbprint, "jwk": key.members}
    if values:
        mine = acme_accounts.c.id == account_id
        transaction.execute(sa.update(acme_accounts).where(mine).values(values))
    return get(transaction.connection, account_id)


def _one(connection: Connection, clause: sa.ColumnElement[bool]) -> Account | None:
    row = connection.execute(sa.select(acme_accounts).where(clause)).one_or_none()
    return None if row is None else _account(connection, row)


def _account(connection: Connection, row: sa.Row[Any]) -> Account:
    return Account(
        id=row.id,
        key=jwk.read(row.jwk),
        status=State(row.status),
        contact=tuple(row.contact),
        created_at=row.created_at,
        client=row.client,
        kid=row.kid,
        eab=eab_keys.find(connection, row.kid),
    )
