"""What people prove themselves with beside a password, as the store has it.

A TOTP secret is sealed; its last used step only grows, in the store and so for all replicas.
Recovery codes are hashes, each used once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import recovery_codes, totp_secrets, webauthn_credentials


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """A person's authenticator app; ``sealed`` is its secret."""

    user: str
    sealed: bytes
    last_step: int
    created_at: datetime


def totp(connection: Connection, user: str) -> TotpSecret | None:
    """Return a person's authenticator app; None when there is none."""
    columns = totp_secrets.c
    chosen = (columns.user_name == user) & columns.confirmed_at.is_not(None)
    row = connection.execute(sa.select(totp_secrets).where(chosen)).one_or_none()
    return (
        None
        if row is None
        else TotpSecret(row.user_name, row.sealed, row.last_step, row.created_at)
    )


def add_totp(
    transaction: Transaction, user: str, sealed: bytes, *, step: int, now: datetime
) -> TotpSecret:
    """Store an app that has shown a code of ``step``, in the place of any before it."""
    transaction.execute(sa.delete(totp_secrets).where(totp_secrets.c.user_name == user))
    row = {
        "user_name": user,
        "sealed": sealed,
        "last_step": step,
        "created_at": now,
        "confirmed_at": now,
    }
    transaction.execute(sa.insert(totp_secrets).values(row))
    return TotpSecret(user, sealed, step, now)


def use_step(transaction: Transaction, user: str, step: int) -> bool:
    """Use a step up; False when it, or a later one, was used already."""
    columns = totp_secrets.c
    statement = (
        sa.update(totp_secrets)
        .where(columns.user_name == user, columns.last_step < step)
        .values(last_step=step)
        .returning(columns.user_name)
    )
    return transaction.execute(statement).one_or_none() is not None


def remove_totp(transaction: Transaction, user: str) -> bool:
    """Forget a person's authenticator app; False when there was none."""
    statement = (
        sa.delete(totp_secrets)
        .where(totp_secrets.c.user_name == user)
        .returning(totp_secrets.c.user_name)
    )
    return transaction.execute(statement).one_or_none() is not None


def unused_codes(connection: Connection, user: str) -> list[bytes]:
    """Return the hashes of the recovery codes that are left."""
    columns = recovery_codes.c
    chosen = (columns.user_name == user) & columns.used_at.is_(None)
    return list(connection.execute(sa.select(columns.code_hash).where(chosen)).scalars())


def codes_made_at(connection: Connection, user: str) -> datetime | None:
    """Return when a person's recovery codes were made, used ones too; None without any."""
    columns = recovery_codes.c
    made = sa.select(columns.created_at).where(columns.user_name == user).limit(1)
    return connection.execute(made).scalar_one_or_none()


def replace_codes(
    transaction: Transaction, user: str, hashes: Sequence[bytes], now: datetime
) -> None:
    """Store new recovery codes; those before are void."""
    transaction.execute(sa.delete(recovery_codes).where(recovery_codes.c.user_name == user))
    rows = [{"user_name": user, "code_hash": each, "created_at": now} for each in hashes]
    if rows:
        transaction.execute(sa.insert(recovery_codes), rows)


def use_code(transaction: Transaction, user: str, code_hash: bytes, now: datetime) -> bool:
    """Use a recovery code up; False when it was used, or replaced, already."""
    columns = recovery_codes.c
    statement = (
        sa.update(recovery_codes)
        .where(
            columns.user_name == user,
            columns.code_hash == code_hash,
            columns.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(columns.user_name)
    )
    return transaction.execute(statement).one_or_none() is not None


def remove_all(transaction: Transaction, user: str) -> list[str]:
    """Forget everything that a person proves themselves with; return the kinds that there were."""
    found = []
    for kind, table in (
        ("totp", totp_secrets),
        ("recovery", recovery_codes),
        ("webauthn", webauthn_credentials),
    ):
        statement = sa.delete(table).where(table.c.user_name == user).returning(table.c.user_name)
        if transaction.execute(statement).all():
            found.append(kind)
    return found
