"""Orders, authorizations and challenges as they are made and read; ``moves`` changes them."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.acme import identifiers, states
from pgward.ca.acme.identifiers import Identifier
from pgward.ca.store import Transaction
from pgward.ca.store.schema_acme import acme_authorizations, acme_challenges, acme_orders

LIFETIME = timedelta(hours=24)
HTTP01, TLSALPN01 = "http-01", "tls-alpn-01"
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Order:
    """An order as stored."""

    id: str
    account_id: str
    status: states.Order
    identifiers: tuple[Identifier, ...]
    replaces: str | None
    error: dict[str, Any] | None
    csr: str | None
    csr_key_sha256: str | None
    finalized_at: datetime | None
    serial: str | None
    client: str | None
    created_at: datetime
    expires_at: datetime
    authorization_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Authorization:
    """An authorization as stored."""

    id: str
    order_id: str
    account_id: str
    identifier: Identifier
    status: states.Authorization
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as stored; ``error`` is the problem document of the last attempt."""

    id: str
    authorization_id: str
    account_id: str
    type: str
    token: str
    status: states.Challenge
    error: dict[str, Any] | None
    attempts: int
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What to store: the names, and whether they need challenges."""

    account_id: str
    identifiers: tuple[Identifier, ...]
    replaces: str | None
    pre_authorized: bool
    client: str | None


def create(transaction: Transaction, new: NewOrder, now: datetime) -> Order:
    """Store an order with an authorization for each name, each with its challenges."""
    order_id, ends = secrets.token_hex(16), (now + LIFETIME).replace(microsecond=0)
    status = states.Order.READY if new.pre_authorized else states.Order.PENDING
    row = {
        "id": order_id,
        "account_id": new.account_id,
        "status": status.value,
        "identifiers": [each.json() for each in new.identifiers],
        "replaces": new.replaces,
        "client": new.client,
        "created_at": now,
        "expires_at": ends,
    }
    transaction.execute(sa.insert(acme_orders).values(row))
    for identifier in new.identifiers:
        _authorize(transaction, order_id, new, identifier, ends)
    found = find(transaction.connection, order_id)
    if found is None:
        raise RuntimeError("an order is gone that was stored just now")
    return found


def _authorize(
    transaction: Transaction, order_id: str, new: NewOrder, identifier: Identifier, ends: datetime
) -> None:
    given = states.Authorization.VALID if new.pre_authorized else states.Authorization.PENDING
    authorization_id = secrets.token_hex(16)
    row = {
        "id": authorization_id,
        "order_id": order_id,
        "account_id": new.account_id,
        "identifier": identifier.json(),
        "status": given.value,
        "expires_at": ends,
    }
    transaction.execute(sa.insert(acme_authorizations).values(row))
    if new.pre_authorized:
        return
    challenges = [
        {
            "id": secrets.token_hex(16),
            "authorization_id": authorization_id,
            "account_id": new.account_id,
            "type": kind,
            "token": secrets.token_urlsafe(32),
            "status": states.Challenge.PENDING.value,
            "attempts": 0,
        }
        for kind in (HTTP01, TLSALPN01)
    ]
    transaction.execute(sa.insert(acme_challenges), challenges)


def find(connection: Connection, order_id: str) -> Order | None:
    """Return the order with this id."""
    statement = sa.select(acme_orders).where(acme_orders.c.id == order_id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    mine = acme_authorizations.c.order_id == order_id
    ids = connection.execute(sa.select(acme_authorizations.c.id).where(mine)).scalars()
    values = {name: getattr(row, name) for name in Order.__slots__ if name in row._fields}
    return Order(
        **values
        | {
            "status": states.Order(row.status),
            "identifiers": identifiers.from_rows(row.identifiers),
            "authorization_ids": tuple(sorted(ids)),
        }
    )


def find_authorization(connection: Connection, authorization_id: str) -> Authorization | None:
    """Return the authorization with this id."""
    mine = acme_authorizations.c.id == authorization_id
    row = connection.execute(sa.select(acme_authorizations).where(mine)).one_or_none()
    return None if row is None else _authorization(row)


def authorizations(connection: Connection, order_id: str) -> list[Authorization]:
    """Return those of an order."""
    mine = acme_authorizations.c.order_id == order_id
    rows = connection.execute(sa.select(acme_authorizations).where(mine))
    return [_authorization(row) for row in rows]


def authorized(connection: Connection, account_id: str, now: datetime) -> set[Identifier]:
    """Return the identifiers that an account has proved, as long as that counts."""
    columns = acme_authorizations.c
    statement = (
        sa.select(columns.identifier)
        .join(acme_orders, acme_orders.c.id == columns.order_id)
        .where(
            acme_orders.c.account_id == account_id,
            columns.status == states.Authorization.VALID.value,
            columns.expires_at > now,
        )
    )
    return set(identifiers.from_rows(connection.execute(statement).scalars()))


def find_challenge(connection: Connection, challenge_id: str) -> Challenge | None:
    """Return the challenge with this id."""
    mine = acme_challenges.c.id == challenge_id
    row = connection.execute(sa.select(acme_challenges).where(mine)).one_or_none()
    return None if row is None else _challenge(row)


def challenges(connection: Connection, authorization_id: str) -> list[Challenge]:
    """Return those of an authorization, in the order of their types."""
    mine = acme_challenges.c.authorization_id == authorization_id
    statement = sa.select(acme_challenges).where(mine).order_by(acme_challenges.c.type)
    return [_challenge(row) for row in connection.execute(statement)]


def list_ids(
    connection: Connection, account_id: str, after: str | None
) -> tuple[list[str], str | None]:
    """Return ids of an account's orders that are not invalid, and where the next page begins."""
    columns = acme_orders.c
    statement = (
        sa.select(columns.id)
        .where(columns.account_id == account_id, columns.status != states.Order.INVALID.value)
        .order_by(columns.id)
        .limit(_PAGE + 1)
    )
    if after is not None:
        statement = statement.where(columns.id > after)
    ids = list(connection.execute(statement).scalars())
    return ids[:_PAGE], ids[_PAGE - 1] if len(ids) > _PAGE else None


def replacing(connection: Connection, certificate_id: str) -> bool:
    """Tell whether an order that is not invalid replaces this certificate (RFC 9773)."""
    columns = acme_orders.c
    statement = sa.select(columns.id).where(
        columns.replaces == certificate_id, columns.status != states.Order.INVALID.value
    )
    return connection.execute(statement.limit(1)).first() is not None


def count_new(connection: Connection, account_id: str, since: datetime) -> int:
    """Return how many orders an account made since then."""
    columns = acme_orders.c
    clauses = (columns.account_id == account_id, columns.created_at >= since)
    return _count(connection, columns.id, clauses)


def count_failed(connection: Connection, account_id: str, since: datetime) -> int:
    """Return how many challenges of an account failed since then."""
    columns = acme_challenges.c
    failed = columns.status == states.Challenge.INVALID.value
    clauses = (columns.account_id == account_id, columns.finished_at >= since, failed)
    return _count(connection, columns.id, clauses)


def count_processing(connection: Connection, account_id: str) -> int:
    """Return how many challenges of an account are being validated, or wait for that."""
    columns = acme_challenges.c
    processing = columns.status == states.Challenge.PROCESSING.value
    return _count(connection, columns.id, (columns.account_id == account_id, processing))


def _count(
    connection: Connection, column: sa.Column[Any], clauses: Iterable[sa.ColumnElement[bool]]
) -> int:
    statement = sa.select(sa.func.count(column)).where(*clauses)
    return int(connection.execute(statement).scalar_one())


def _authorization(row: sa.Row[Any]) -> Authorization:
    return Authorization(
        id=row.id,
        order_id=row.order_id,
        account_id=row.account_id,
        identifier=identifiers.from_rows([row.identifier])[0],
        status=states.Authorization(row.status),
        expires_at=row.expires_at,
    )


def _challenge(row: sa.Row[Any]) -> Challenge:
    values = {name: getattr(row, name) for name in Challenge.__slots__}
    return Challenge(**values | {"status": states.Challenge(row.status)})
