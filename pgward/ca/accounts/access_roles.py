"""Passwords of access roles: another one for each grant, known to the CA and told to edges alone.

A password is made as the connector asks for its verifier (RFC 5803), which is all that it gets.
Two are kept at most: which of them the server has is known for sure only when the connector says
so, and an edge that is refused with one gets the other.
"""

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.store import Transaction
from pgward.ca.store.schema_accounts import access_passwords
from pgward.core.errors import NotFoundError, UnavailableError
from pgward.pgwire import scram

FIRST: Final = 1
AGAIN: Final = timedelta(minutes=1)
"""A password that a server refuses is replaced by another no more often."""
_BYTES: Final = 32
_SALT_BYTES: Final = 16
_PURPOSE: Final = "passwords of access roles"
_ROWS = access_passwords.c


@dataclass(frozen=True, slots=True)
class Password:
    """A password, and which one it is."""

    version: int
    value: str = field(repr=False)


def wanted(
    connection: Connection, integration: str, roles: Mapping[str, Collection[str]]
) -> dict[str, int]:
    """Return the versions of those roles that need a password; ``roles`` have their services."""
    services = {name for each in roles.values() for name in each}
    asking = {name for name in services if _needs(connection, name, integration)}
    needing = [role for role, names in roles.items() if asking.intersection(names)]
    known = _versions(connection, integration) if needing else {}
    return {role: known.get(role, FIRST) for role in needing}


def another(transaction: Transaction, integration: str, role: str) -> None:
    """Have a role get another password, if it has had any."""
    mine = _of(integration, role)
    values = {"wanted": _ROWS.wanted + 1, "refused_at": None}
    transaction.execute(sa.update(access_passwords).where(*mine).values(values))


def has_any(connection: Connection, integration: str, role: str) -> bool:
    """Tell whether a role has had a password."""
    return _row(connection, integration, role) is not None


def forget(transaction: Transaction, integration: str, role: str) -> None:
    """Forget the passwords of a role that nobody has any more; the next one is another version."""
    another(transaction, integration, role)
    values = dict.fromkeys(("made", "sealed", "former", "former_sealed", "there"))
    mine = _of(integration, role)
    transaction.execute(sa.update(access_passwords).where(*mine).values(values))


def drop(transaction: Transaction, integration: str) -> None:
    """Forget an integration's roles, as it is deleted."""
    mine = _ROWS.integration == integration
    transaction.execute(sa.delete(access_passwords).where(mine))


def make(
    transaction: Transaction, sealer: Sealer, integration: str, passwords: Mapping[str, int]
) -> dict[str, str]:
    """Return the passwords of roles, made if they are not there yet.

    Those of other versions than are wanted by now are left out.
    """
    found: dict[str, str] = {}
    for role, version in passwords.items():
        row = _row(transaction.connection, integration, role)
        if version != (FIRST if row is None else row.wanted):
            continue
        if row is None or row.made != version:
            value = secrets.token_urlsafe(_BYTES)
            sealed = _seal(sealer, integration, role, version, value)
            _put(transaction, integration, role, row, version, sealed)
            found[role] = value
        else:
            found[role] = _open(sealer, integration, role, version, row.sealed).value
    return found


def verifier(password: str) -> str:
    """Return what a server keeps of a password; it takes a millisecond."""
    return scram.stored(password, secrets.token_bytes(_SALT_BYTES))


def told(transaction: Transaction, integration: str, passwords: Mapping[str, int]) -> None:
    """Take note that a server has these."""
    for role, version in passwords.items():
        mine = (*_of(integration, role), _ROWS.made == version)
        statement = sa.update(access_passwords).where(*mine).values(there=version)
        transaction.execute(statement)


def current(
    connection: Connection,
    sealer: Sealer,
    integration: str,
    role: str,
    refused: int | None = None,
) -> Password | None:
    """Return the password that the server has, as far as is known; ``refused`` is not the one.

    None where no other can be it: the server has one that nobody here knows. Raises NotFoundError
    where the connector has asked for none.
    """
    row = _row(connection, integration, role)
    if row is None or row.made is None:
        raise NotFoundError(
            "the access role has no password yet",
            hint="its connector gives it one; if it does not, look at the connector's version",
        )
    known = [(row.made, row.sealed)]
    if row.former is not None and row.there != row.made:
        # It was there for sure, and the newer one may not be yet.
        known.insert(0, (row.former, row.former_sealed))
    for version, sealed in known:
        if version != refused:
            return _open(sealer, integration, role, version, sealed)
    return None


def refuse(transaction: Transaction, integration: str, role: str, now: datetime) -> bool:
    """Have another password made, as the server does not take the one that it was given.

    Tell whether it is: not while one is on its way, nor again within a minute.
    """
    row = _row(transaction.connection, integration, role)
    if row is None or row.made != row.wanted or row.there != row.made:
        return False
    if row.refused_at is not None and now - row.refused_at < AGAIN:
        return False
    another(transaction, integration, role)
    mine = _of(integration, role)
    transaction.execute(sa.update(access_passwords).where(*mine).values(refused_at=now))
    transaction.changed()
    return True


def changing() -> UnavailableError:
    """Return what an edge is told meanwhile."""
    return UnavailableError(
        "the server does not take the access role's password, which is being changed",
        hint="connect again in a few seconds",
    )


def _needs(connection: Connection, service: str, integration: str) -> bool:
    found = resources.find(connection, "Service", service)
    # Only what has the word in it somewhere is read whole: a server may have many services.
    if found is None or found.spec.get("integration") != integration:
        return False
    if "fromGrant" not in str(found.spec.get("postgres")):
        return False
    spec = ServiceSpec.model_validate(found.spec)
    return spec.postgres is not None and spec.postgres.has_passwords_of_grants()


def _versions(connection: Connection, integration: str) -> dict[str, int]:
    mine = _ROWS.integration == integration
    rows = connection.execute(sa.select(_ROWS.role, _ROWS.wanted).where(mine))
    return {row.role: row.wanted for row in rows}


def _put(  # noqa: PLR0917 - what a row has
    transaction: Transaction,
    integration: str,
    role: str,
    row: sa.Row[Any] | None,
    version: int,
    sealed: bytes,
) -> None:
    if row is None:
        first = {"integration": integration, "role": role, "wanted": version}
        values = first | {"made": version, "sealed": sealed}
        transaction.execute(sa.insert(access_passwords).values(values))
        return
    values = {"made": version, "sealed": sealed}
    if row.there == row.made:
        values |= {"former": row.made, "former_sealed": row.sealed}
    mine = _of(integration, role)
    transaction.execute(sa.update(access_passwords).where(*mine).values(values))


def _row(connection: Connection, integration: str, role: str) -> sa.Row[Any] | None:
    statement = sa.select(access_passwords).where(*_of(integration, role))
    return connection.execute(statement).one_or_none()


def _of(integration: str, role: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _ROWS.integration == integration, _ROWS.role == role


def _seal(sealer: Sealer, integration: str, role: str, version: int, value: str) -> bytes:
    return sealer.seal(_PURPOSE, json.dumps([integration, role, version, value]).encode())


def _open(sealer: Sealer, integration: str, role: str, version: int, sealed: bytes) -> Password:
    """Open one; raise SealError for what is another role's, or of another version."""
    *whose, value = json.loads(sealer.open(_PURPOSE, sealed))
    if whose != [integration, role, version]:
        raise SealError("it was sealed for another role")
    return Password(version, str(value))
