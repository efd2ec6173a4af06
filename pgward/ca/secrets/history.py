"""Values of secrets besides the one in use: former ones, and those that are to come.

A former value can be made the one in use again, as a new version; it is shown to nobody either.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.keys.sealing import Sealer
from pgward.ca.secrets import envelope, store_keys
from pgward.ca.secrets.envelope import Sealed
from pgward.ca.store import Transaction
from pgward.ca.store.schema_accounts import secret_versions
from pgward.ca.store.schema_secrets import secrets
from pgward.core.errors import ConflictError, NotFoundError

KEPT_FOR: Final = timedelta(days=30)
MOST: Final = 10
"""Former values of one secret, the newest."""
CURRENT: Final = "current"
FORMER: Final = "former"
PENDING: Final = "pending"
_VERSIONS = secret_versions.c


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a secret without its value; a former one may be recovered for some time."""

    version: int
    state: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None


def listing(connection: Connection, name: str, now: datetime) -> list[Version]:
    """Return the versions of a secret that are here, the newest first; raise NotFoundError."""
    row = _current(connection, name)
    current = Version(
        row.version, CURRENT, row.rotated_at or row.created_at, row.rotated_by or row.created_by
    )
    others = connection.execute(sa.select(secret_versions).where(*_is_here(name, now)))
    found = [
        Version(each.version, each.state, each.created_at, each.created_by, each.expires_at)
        for each in others
    ]
    return sorted([current, *found], key=lambda each: each.version, reverse=True)


def next_version(connection: Connection, name: str) -> int:
    """Return the number of a version that is to be made: none is used twice."""
    mine = sa.select(sa.func.max(_VERSIONS.version)).where(_VERSIONS.name == name)
    others: int | None = connection.execute(mine).scalar_one()
    return max(int(_current(connection, name).version), others or 0) + 1


def retire(transaction: Transaction, name: str, now: datetime) -> None:
    """Put the value in use among the former ones, before another one takes its place."""
    row = _current(transaction.connection, name)
    values = {
        **_sealed(row),
        "state": FORMER,
        "created_at": row.rotated_at or row.created_at,
        "created_by": row.rotated_by or row.created_by,
        "expires_at": now + KEPT_FOR,
    }
    transaction.execute(sa.insert(secret_versions).values(values))
    newest = (
        sa.select(_VERSIONS.version)
        .where(_VERSIONS.name == name, _VERSIONS.state == FORMER)
        .order_by(_VERSIONS.version.desc())
        .limit(MOST)
    )
    kept = set(transaction.execute(newest).scalars())
    old = (_VERSIONS.name == name, _VERSIONS.state == FORMER, _VERSIONS.version.not_in(kept))
    transaction.execute(sa.delete(secret_versions).where(*old))


def former(connection: Connection, sealer: Sealer, name: str, version: int, now: datetime) -> bytes:
    """Return a former value; raise NotFoundError, SealError."""
    clauses = (*_is_here(name, now), _VERSIONS.version == version, _VERSIONS.state == FORMER)
    return _opened(connection, sealer, clauses, f"secret {name!r} has no former version {version}")


def propose(
    transaction: Transaction, sealer: Sealer, name: str, value: bytes, *, now: datetime, by: str
) -> int:
    """Keep a value that is to be the next one, in the place of any other such; return its version.

    Nobody uses it before ``promote``.
    """
    version = next_version(transaction.connection, name)
    withdraw(transaction, name)
    key = store_keys.current(transaction, sealer, now=now, by=by)
    row = {**_sealed(envelope.seal(key, name, version, value)), "state": PENDING}
    row |= {"created_at": now, "created_by": by}
    transaction.execute(sa.insert(secret_versions).values(row))
    return version


def pending(connection: Connection, sealer: Sealer, name: str, version: int) -> bytes:
    """Return a value that is to come; raise NotFoundError, SealError."""
    clauses = (_VERSIONS.name == name, _VERSIONS.version == version, _VERSIONS.state == PENDING)
    return _opened(connection, sealer, clauses, f"secret {name!r} has no version {version} to come")


def coming(connection: Connection, sealer: Sealer, name: str) -> tuple[int, bytes] | None:
    """Return the version and the value that are to come, if there are any; raise SealError."""
    mine = (_VERSIONS.name == name, _VERSIONS.state == PENDING)
    row = connection.execute(sa.select(secret_versions.c.version).where(*mine)).one_or_none()
    return None if row is None else (row.version, pending(connection, sealer, name, row.version))


def promote(transaction: Transaction, name: str, version: int, *, now: datetime, by: str) -> None:
    """Make a value that was to come the one in use; edges hear of it.

    Raises ConflictError when it is not to come any more: somebody gave the secret another value.
    """
    mine = (_VERSIONS.name == name, _VERSIONS.version == version, _VERSIONS.state == PENDING)
    row = transaction.execute(sa.select(secret_versions).where(*mine)).one_or_none()
    if row is None:
        raise ConflictError(
            f"the secret {name!r} got another value meanwhile", hint=f"pgward secret history {name}"
        )
    retire(transaction, name, now)
    values = {**_sealed(row), "rotated_at": now, "rotated_by": by}
    transaction.execute(sa.update(secrets).where(secrets.c.name == name).values(values))
    transaction.execute(sa.delete(secret_versions).where(*mine))
    transaction.changed()


def withdraw(transaction: Transaction, name: str) -> None:
    """Forget a value that was to come."""
    mine = (_VERSIONS.name == name, _VERSIONS.state == PENDING)
    transaction.execute(sa.delete(secret_versions).where(*mine))


def forget(transaction: Transaction, name: str) -> None:
    """Forget all values besides the one in use, as the secret is deleted."""
    transaction.execute(sa.delete(secret_versions).where(_VERSIONS.name == name))


def _is_here(name: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    lasts = sa.or_(_VERSIONS.expires_at.is_(None), _VERSIONS.expires_at > now)
    return (_VERSIONS.name == name, lasts)


def _opened(
    connection: Connection,
    sealer: Sealer,
    clauses: tuple[sa.ColumnElement[bool], ...],
    missing: str,
) -> bytes:
    row = connection.execute(sa.select(secret_versions).where(*clauses)).one_or_none()
    if row is None:
        raise NotFoundError(missing, hint="pgward secret history NAME shows which there are")
    sealed = Sealed(row.name, row.version, row.key_number, row.wrapped, row.sealed)
    return envelope.unseal(store_keys.get(connection, sealer, row.key_number), sealed)


def _current(connection: Connection, name: str) -> sa.Row[Any]:
    found = connection.execute(sa.select(secrets).where(secrets.c.name == name)).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no secret {name!r}", hint="pgward secret list")
    return found


def _sealed(found: Sealed | sa.Row[Any]) -> dict[str, Any]:
    return {
        "name": found.name,
        "version": found.version,
        "key_number": found.key_number,
        "wrapped": found.wrapped,
        "sealed": found.sealed,
    }
