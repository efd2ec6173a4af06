"""EAB keys: what an administrator gives to a host so that it may make an account."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.acme.identifiers import Allowed
from pgward.ca.acme.problems import AcmeError, unauthorized
from pgward.ca.store import Transaction
from pgward.ca.store.schema_acme import acme_accounts, acme_keys
from pgward.core import names
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError

MAX_USES = 10_000


@dataclass(frozen=True, slots=True)
class EabKey:
    """A key without its secret; ``uses`` is how many accounts may be made with it."""

    kid: str
    name: str
    allowed: Allowed
    pre_authorized: bool
    uses: int
    used: int
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None

    def state(self, now: datetime) -> str:
        """Return ``usable``, ``used up``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        if self.used >= self.uses:
            return "used up"
        return "expired" if self.expires_at <= now else "usable"


@dataclass(frozen=True, slots=True)
class NewEabKey:
    """What an administrator asks for; without names, ``name`` itself is the DNS name."""

    name: str
    allowed: Allowed
    pre_authorized: bool = False
    uses: int = 1
    lifetime: timedelta = timedelta(days=7)

    def check(self) -> None:
        """Raise InvalidInputError."""
        names.resource_name(self.name, what="key's name")
        if not self.allowed.dns and not self.allowed.ips:
            raise InvalidInputError("the key names nothing to certify", hint="give --dns or --ip")
        if not 1 <= self.uses <= MAX_USES:
            raise InvalidInputError(f"uses must be 1 to {MAX_USES}")


def create(transaction: Transaction, new: NewEabKey, *, now: datetime, by: str) -> EabKey:
    """Store a new key; raise ConflictError when its name is taken, InvalidInputError."""
    new.check()
    if find_by_name(transaction.connection, new.name) is not None:
        raise ConflictError(
            f"there is an ACME key {new.name!r} already", hint="choose another name"
        )
    row = {
        "kid": secrets.token_hex(16),
        "name": new.name,
        "dns": list(new.allowed.dns),
        "ips": list(new.allowed.ips),
        "pre_authorized": new.pre_authorized,
        "uses": new.uses,
        "used": 0,
        "created_at": now,
        "created_by": by,
        "expires_at": (now + new.lifetime).replace(microsecond=0),
    }
    transaction.execute(sa.insert(acme_keys).values(row))
    return get(transaction.connection, new.name)


def find(connection: Connection, kid: str | None) -> EabKey | None:
    """Return the key with this id."""
    return _one(connection, acme_keys.c.kid == kid) if kid is not None else None


def find_by_name(connection: Connection, name: str) -> EabKey | None:
    """Return the key of this name."""
    return _one(connection, acme_keys.c.name == name)


def get(connection: Connection, name: str) -> EabKey:
    """Return the key of this name; raise NotFoundError."""
    found = find_by_name(connection, name)
    if found is None:
        raise NotFoundError(f"there is no ACME key {name!r}", hint="pgward ca acme key list")
    return found


def every(connection: Connection) -> list[EabKey]:
    """Return all keys by name."""
    return [_key(row) for row in connection.execute(sa.select(acme_keys).order_by("name"))]


def use(transaction: Transaction, kid: str, now: datetime) -> None:
    """Count one more account, in its transaction; raise AcmeError when there may be no more."""
    key = find(transaction.connection, kid)
    state = "unknown" if key is None else key.state(now)
    if state != "usable":
        raise unusable(state)
    counted = sa.update(acme_keys).where(acme_keys.c.kid == kid)
    transaction.execute(counted.values(used=acme_keys.c.used + 1))


def unusable(state: str) -> AcmeError:
    """Return the error of somebody who has the secret of a key that is of no use any more."""
    return unauthorized(f"the external account key is {state}: ask for another one")


def revoke(transaction: Transaction, name: str, now: datetime) -> tuple[EabKey, list[str]]:
    """Revoke a key and its accounts; return the key as it was and the accounts' ids."""
    key = get(transaction.connection, name)
    stays = acme_keys.c.revoked_at.is_(None)
    statement = sa.update(acme_keys).where(acme_keys.c.kid == key.kid, stays)
    transaction.execute(statement.values(revoked_at=now))
    ids = sa.select(acme_accounts.c.id).where(acme_accounts.c.kid == key.kid)
    accounts = sorted(transaction.execute(ids).scalars())
    transaction.execute(
        sa.update(acme_accounts)
        .where(acme_accounts.c.kid == key.kid, acme_accounts.c.status == "valid")
        .values(status="revoked")
    )
    return key, accounts


def _one(connection: Connection, clause: sa.ColumnElement[bool]) -> EabKey | None:
    row = connection.execute(sa.select(acme_keys).where(clause)).one_or_none()
    return None if row is None else _key(row)


def _key(row: sa.Row[Any]) -> EabKey:
    return EabKey(
        kid=row.kid,
        name=row.name,
        allowed=Allowed(tuple(row.dns), tuple(row.ips)),
        pre_authorized=row.pre_authorized,
        uses=row.uses,
        used=row.used,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
