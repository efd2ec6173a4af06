"""Changes of accounts' passwords: when one is due, begun, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.accounts import passwords
from pgward.ca.keys.sealing import Sealer
from pgward.ca.resources.account import Account
from pgward.ca.secrets import history, kept
from pgward.ca.store import Transaction
from pgward.ca.store.schema_accounts import account_rotations
from pgward.ca.store.schema_secrets import secrets
from pgward.core.errors import ConflictError, NotFoundError

RETRY: Final = timedelta(minutes=15)
"""After a failure the next change begins no sooner, unless somebody asks for it."""
IDLE: Final = "idle"
PENDING: Final = "pending"
_ROWS = account_rotations.c


@dataclass(frozen=True, slots=True)
class Begun:
    """A change under way: what is to be the password, and what it is, if a change goes wrong."""

    secret: str
    version: int
    value: bytes = field(repr=False)
    former: bytes = field(repr=False)


def due(
    connection: Connection, integration: str, accounts: Sequence[Account], now: datetime
) -> list[str]:
    """Return the accounts whose passwords are to be changed now, or whose change is under way.

    A secret that is not there yet is made by a person: the server has a password already.
    """
    rows = _rows(connection, integration)
    since = _since(connection, [each.secret for each in accounts])
    return sorted(
        each.user
        for each in accounts
        if each.secret in since and _is_due(each, rows.get(each.user), since[each.secret], now)
    )


def ask(
    transaction: Transaction, integration: str, account: Account, now: datetime, by: str
) -> None:
    """Want a change now; the connector hears of it. Raises NotFoundError without a secret."""
    if account.secret not in _since(transaction.connection, [account.secret]):
        raise NotFoundError(
            f"there is no secret {account.secret!r}", hint=f"pgward secret create {account.secret}"
        )
    _write(transaction, integration, account, {"asked_at": now, "asked_by": by, "failed_at": None})
    transaction.changed()


def begin(
    transaction: Transaction,
    sealer: Sealer,
    integration: str,
    account: Account,
    *,
    now: datetime,
    by: str,
) -> Begun:
    """Return the password that is to come: the one on its way, or a new one.

    Raises ConflictError when none is due, NotFoundError without a secret.
    """
    connection = transaction.connection
    if account.user not in due(connection, integration, [account], now):
        raise ConflictError(f"the password of {account.user} is not due")
    row = _rows(connection, integration).get(account.user)
    version = None if row is None or row.state != PENDING else row.version
    value = None if version is None else _pending(connection, sealer, account.secret, version)
    if version is None or value is None:
        value = passwords.make(account.length, account.alphabet)
        version = history.propose(transaction, sealer, account.secret, value, now=now, by=by)
        _write(transaction, integration, account, {"state": PENDING, "version": version})
    former = kept.read(connection, sealer, account.secret).value
    return Begun(account.secret, version, value, former)


def succeeded(
    transaction: Transaction,
    integration: str,
    account: Account,
    version: int,
    *,
    now: datetime,
    by: str,
) -> bool:
    """Make the password that a login proved the secret's value; tell whether it was not yet.

    Raises ConflictError when somebody gave the secret another value meanwhile.
    """
    found = _since_version(transaction.connection, account.secret)
    is_new = found != version
    if is_new:
        history.promote(transaction, account.secret, version, now=now, by=by)
    done = {"changed_at": now, "failed_at": None, "failure": None, "asked_at": None}
    _write(transaction, integration, account, {"state": IDLE, "version": None, **done})
    return is_new


def failed(
    transaction: Transaction, integration: str, account: Account, why: str, now: datetime
) -> None:
    """Give a change up, whose password the server does not have; the one before stays."""
    history.withdraw(transaction, account.secret)
    values = {"state": IDLE, "version": None, "failed_at": now, "failure": why, "asked_at": None}
    _write(transaction, integration, account, values)


def forget(transaction: Transaction, integration: str) -> None:
    """Forget an integration's accounts, as it is deleted."""
    mine = _ROWS.integration == integration
    transaction.execute(sa.delete(account_rotations).where(mine))


def standing(connection: Connection, integration: str) -> dict[str, dict[str, Any]]:
    """Return how the changes of an integration's accounts went, by account."""
    return {name: dict(row._mapping) for name, row in _rows(connection, integration).items()}  # noqa: SLF001 - public in SQLAlchemy


def _is_due(account: Account, row: sa.Row[Any] | None, since: datetime, now: datetime) -> bool:
    if row is not None and (row.state == PENDING or row.asked_at is not None):
        return True
    if row is not None and row.failed_at is not None and now - row.failed_at < RETRY:
        return False
    return account.seconds is not None and now - since >= timedelta(seconds=account.seconds)


def _rows(connection: Connection, integration: str) -> dict[str, sa.Row[Any]]:
    statement = sa.select(account_rotations).where(_ROWS.integration == integration)
    return {row.account: row for row in connection.execute(statement)}


def _since(connection: Connection, names: Sequence[str]) -> dict[str, datetime]:
    """Return since when secrets have their values, of those that are there."""
    columns = secrets.c
    statement = sa.select(columns.name, columns.rotated_at, columns.created_at)
    found = connection.execute(statement.where(columns.name.in_(names)))
    return {row.name: row.rotated_at or row.created_at for row in found}


def _since_version(connection: Connection, name: str) -> int | None:
    return kept.versions(connection, [name]).get(name)


def _pending(connection: Connection, sealer: Sealer, name: str, version: int) -> bytes | None:
    try:
        return history.pending(connection, sealer, name, version)
    except NotFoundError:  # a person changed the secret meanwhile: begin anew
        return None


def _write(
    transaction: Transaction, integration: str, account: Account, values: dict[str, Any]
) -> None:
    mine = (_ROWS.integration == integration, _ROWS.account == account.user)
    values = {"secret": account.secret, **values}
    done = transaction.execute(sa.update(account_rotations).where(*mine).values(values))
    if not done.rowcount:
        row = {"integration": integration, "account": account.user, "state": IDLE} | values
        transaction.execute(sa.insert(account_rotations).values(row))
