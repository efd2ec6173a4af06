"""Secrets in the store: made, given a new value, listed, removed; and opened for an edge."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.keys.sealing import Sealer
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.secrets import envelope, history, store_keys
from pgward.ca.secrets.envelope import Sealed
from pgward.ca.store import Transaction
from pgward.ca.store.schema_secrets import secrets
from pgward.core import names
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError

MAX_BYTES = 16 * 1024
"""Longest value: an SSH key, say, has a few thousand bytes."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A secret without its value; ``services`` are those that refer to it."""

    name: str
    version: int
    services: tuple[str, ...]
    created_at: datetime
    created_by: str
    rotated_at: datetime | None
    rotated_by: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A secret with its value."""

    name: str
    version: int
    value: bytes = field(repr=False)


def create(
    transaction: Transaction, sealer: Sealer, name: str, value: bytes, *, now: datetime, by: str
) -> int:
    """Store a new secret and return its version; raise ConflictError when the name is taken."""
    names.resource_name(name, what="secret's name")
    if _find(transaction.connection, name) is not None:
        raise ConflictError(
            f"there is a secret {name!r} already", hint=f"pgward secret rotate {name}"
        )
    sealed = _seal(transaction, sealer, name, 1, value, now=now, by=by)
    row = _row(sealed) | {"created_at": now, "created_by": by}
    transaction.execute(sa.insert(secrets).values(row))
    transaction.changed()
    return sealed.version


def rotate(
    transaction: Transaction, sealer: Sealer, name: str, value: bytes, *, now: datetime, by: str
) -> int:
    """Put a new value in the place of the one before; return its version. Edges hear of it.

    The one before can be recovered for some time; one that was to come is not any more.
    """
    _get(transaction.connection, name)
    version = history.next_version(transaction.connection, name)
    sealed = _seal(transaction, sealer, name, version, value, now=now, by=by)
    history.withdraw(transaction, name)
    history.retire(transaction, name, now)
    row = _row(sealed) | {"rotated_at": now, "rotated_by": by}
    transaction.execute(sa.update(secrets).where(secrets.c.name == name).values(row))
    transaction.changed()
    return sealed.version


def recover(
    transaction: Transaction, sealer: Sealer, name: str, version: int, *, now: datetime, by: str
) -> int:
    """Make a former value the one in use again, as a new version; return that.

    Raises NotFoundError, also for one that was kept long enough.
    """
    _get(transaction.connection, name)
    value = history.former(transaction.connection, sealer, name, version, now)
    return rotate(transaction, sealer, name, value, now=now, by=by)


def remove(transaction: Transaction, name: str, *, force: bool = False) -> list[str]:
    """Forget a secret; return the services that refer to it.

    ConflictError when there are any, unless it is forced. The one writer sees to it that no
    service begins to refer to it meanwhile.
    """
    _get(transaction.connection, name)
    using = [each for each, _ in _referring(transaction.connection, name)]
    using += [f"integration {each}" for each in _integrations(transaction.connection, name)]
    if using and not force:
        raise ConflictError(
            f"the secret {name!r} is in use: {', '.join(using)}",
            hint="change that first; --force deletes it all the same",
        )
    history.forget(transaction, name)
    transaction.execute(sa.delete(secrets).where(secrets.c.name == name))
    transaction.changed()
    return using


def read(connection: Connection, sealer: Sealer, name: str) -> Opened:
    """Return a secret with its value; raise NotFoundError, SealError."""
    found = _get(connection, name)
    sealed = Sealed(found.name, found.version, found.key_number, found.wrapped, found.sealed)
    key = store_keys.get(connection, sealer, sealed.key_number)
    return Opened(sealed.name, sealed.version, envelope.unseal(key, sealed))


def read_after(connection: Connection, sealer: Sealer, name: str, refused: int | None) -> Opened:
    """Return a secret; to whom PostgreSQL ``refused`` it, the one that is on its way, if any.

    That is at the server for a moment before a login has proved it.
    """
    found = read(connection, sealer, name)
    coming = history.coming(connection, sealer, name) if refused == found.version else None
    return found if coming is None else Opened(name, *coming)


def listing(connection: Connection) -> list[Listed]:
    """Return all secrets by name."""
    using = _users(connection)
    rows = connection.execute(sa.select(secrets).order_by(secrets.c.name))
    return [
        Listed(
            name=row.name,
            version=row.version,
            services=tuple(using.get(row.name, ())),
            created_at=row.created_at,
            created_by=row.created_by,
            rotated_at=row.rotated_at,
            rotated_by=row.rotated_by,
        )
        for row in rows
    ]


def versions(connection: Connection, wanted: Collection[str]) -> dict[str, int]:
    """Return the versions of those of these secrets that are there."""
    if not wanted:
        return {}
    statement = sa.select(secrets.c.name, secrets.c.version).where(secrets.c.name.in_(wanted))
    return {row.name: row.version for row in connection.execute(statement)}


def notes_about(connection: Connection, spec: ServiceSpec) -> list[str]:
    """Return which secrets a service refers to that are not there yet."""
    wanted = _secrets(spec)
    missing = sorted(wanted - versions(connection, wanted).keys())
    return [f"there is no secret {name!r} yet: pgward secret create {name}" for name in missing]


def served(connection: Connection, edge: str, name: str) -> list[str]:
    """Return the services that an edge serves and that refer to a secret."""
    return [each for each, spec in _referring(connection, name) if spec.is_on(edge)]


def _seal(
    transaction: Transaction,
    sealer: Sealer,
    name: str,
    version: int,
    value: bytes,
    *,
    now: datetime,
    by: str,
) -> Sealed:
    if not 0 < len(value) <= MAX_BYTES:
        raise InvalidInputError(f"a secret has 1 to {MAX_BYTES} bytes, not {len(value)}")
    key = store_keys.current(transaction, sealer, now=now, by=by)
    return envelope.seal(key, name, version, value)


def _row(sealed: Sealed) -> dict[str, Any]:
    return {
        "name": sealed.name,
        "version": sealed.version,
        "key_number": sealed.key_number,
        "wrapped": sealed.wrapped,
        "sealed": sealed.sealed,
    }


def _find(connection: Connection, name: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(secrets).where(secrets.c.name == name)).one_or_none()


def _get(connection: Connection, name: str) -> sa.Row[Any]:
    found = _find(connection, name)
    if found is None:
        raise NotFoundError(f"there is no secret {name!r}", hint="pgward secret list")
    return found


def _referring(connection: Connection, name: str) -> list[tuple[str, ServiceSpec]]:
    """Return the services that refer to a secret, by name.

    Only those are read whole that have the name in them somewhere: there may be many, and while a
    secret is told to an edge all other writers wait.
    """
    likely = [
        (each.name, ServiceSpec.model_validate(each.spec))
        for each in resources.every(connection, "Service")
        if name in str(each.spec)
    ]
    return [(each, spec) for each, spec in likely if name in _secrets(spec)]


def _integrations(connection: Connection, name: str) -> list[str]:
    """Return the integrations whose account has this password."""
    return [
        each.name
        for each in resources.every(connection, "Integration")
        if each.spec.get("auth", {}).get("password", {}).get("fromSecret") == name
    ]


def _users(connection: Connection) -> dict[str, list[str]]:
    """Return by secret which services refer to it."""
    found: dict[str, list[str]] = {}
    for each, spec in resources.services(connection):
        for name in _secrets(spec):
            found.setdefault(name, []).append(each.name)
    return found


def _secrets(spec: ServiceSpec) -> frozenset[str]:
    return frozenset() if spec.postgres is None else spec.postgres.secrets()
