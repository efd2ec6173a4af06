"""What identity providers' specs must not show: a client's secret, say. Sealed in the store."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.keys.sealing import Sealer
from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import provider_secrets


def find(connection: Connection, sealer: Sealer, name: str) -> str | None:
    """Return a provider's secret, or None; raise SealError when another key sealed it."""
    statement = sa.select(provider_secrets.c.sealed).where(provider_secrets.c.name == name)
    sealed: bytes | None = connection.execute(statement).scalar_one_or_none()
    return None if sealed is None else sealer.open(_purpose(name), sealed).decode()


def changed_at(connection: Connection, name: str) -> datetime | None:
    """Return since when the secret is what it is; None when there is none."""
    statement = sa.select(provider_secrets.c.updated_at).where(provider_secrets.c.name == name)
    found: datetime | None = connection.execute(statement).scalar_one_or_none()
    return found


def store(
    transaction: Transaction, sealer: Sealer, name: str, secret: str, *, now: datetime, by: str
) -> None:
    """Store a provider's secret instead of the one that there may be."""
    remove(transaction, name)
    sealed = sealer.seal(_purpose(name), secret.encode())
    row = {"name": name, "sealed": sealed, "updated_at": now, "updated_by": by}
    transaction.execute(sa.insert(provider_secrets).values(row))


def remove(transaction: Transaction, name: str) -> None:
    """Forget a provider's secret, if there is one."""
    transaction.execute(sa.delete(provider_secrets).where(provider_secrets.c.name == name))


def _purpose(name: str) -> str:
    return f"provider secret {name}"
