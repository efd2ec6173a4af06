"""The passkeys that people have, in the store."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.identity.directory import User
from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import webauthn_credentials as table
from pgward.core.clock import rfc3339
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError

MAX_NAME = 60
MOST = 20  # of one person
_LIST = "pgward passkey list"


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """What an authenticator made: its credential's id, COSE public key and properties."""

    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    sign_count: int
    aaguid: str
    transports: tuple[str, ...] = ()
    backed_up: bool = False


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of a person; ``id`` is what ``key_of`` makes of its credential's id."""

    id: str
    user: str
    name: str
    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    sign_count: int
    aaguid: str
    transports: tuple[str, ...]
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None


def key_of(credential_id: bytes) -> str:
    """Return the id under which a credential is stored: its own may have 1023 bytes."""
    return hashlib.sha256(credential_id).hexdigest()


def handle_of(user: User) -> bytes:
    """Return the user handle: opaque, and another one for a later person of the same name."""
    text = f"pgward passkey user\0{user.name}\0{rfc3339(user.created_at)}"
    return hashlib.sha256(text.encode()).digest()


def checked_name(name: str) -> str:
    """Return a passkey's name as it is kept; raise InvalidInputError."""
    line = " ".join(name.split())
    if not line or len(line) > MAX_NAME or not line.isprintable():
        raise InvalidInputError(
            f"a passkey's name is one line of at most {MAX_NAME} printable letters"
        )
    return line


def find(connection: Connection, key: str) -> Passkey | None:
    """Return the passkey stored under ``key_of`` its credential's id, whoever has it."""
    row = connection.execute(sa.select(table).where(table.c.id == key)).one_or_none()
    return None if row is None else _passkey(row)


def get(connection: Connection, user: str, key: str) -> Passkey:
    """Return a person's passkey; raise NotFoundError."""
    found = find(connection, key)
    if found is None or found.user != user:
        raise NotFoundError("there is no such passkey", hint=_LIST)
    return found


def of(connection: Connection, user: str) -> list[Passkey]:
    """Return a person's passkeys, the oldest first."""
    statement = sa.select(table).where(table.c.user_name == user)
    rows = connection.execute(statement.order_by(table.c.created_at, table.c.id))
    return [_passkey(row) for row in rows]


def any_of(connection: Connection, user: str | None = None) -> bool:
    """Tell whether a person, or anybody, has a passkey."""
    statement = sa.select(table.c.id).limit(1)
    if user is not None:
        statement = statement.where(table.c.user_name == user)
    return connection.execute(statement).first() is not None


def add(
    transaction: Transaction, user: str, name: str, new: NewPasskey, *, now: datetime
) -> Passkey:
    """Store a new passkey; raise ConflictError, InvalidInputError."""
    chosen, key = checked_name(name), key_of(new.credential_id)
    check_room(of(transaction.connection, user), chosen)
    if find(transaction.connection, key) is not None:
        raise ConflictError("this passkey is registered already")
    row = {
        "id": key,
        "user_name": user,
        "credential_id": new.credential_id,
        "name": chosen,
        "public_key": new.public_key,
        "sign_count": new.sign_count,
        "aaguid": new.aaguid,
        "transports": list(new.transports),
        "backed_up": new.backed_up,
        "created_at": now,
    }
    transaction.execute(sa.insert(table).values(row))
    return get(transaction.connection, user, key)


def check_room(present: Sequence[Passkey], name: str) -> None:
    """Raise ConflictError when one more passkey of this name cannot be added."""
    if len(present) >= MOST:
        raise ConflictError(
            f"nobody may have more than {MOST} passkeys", hint="pgward passkey remove NAME"
        )
    _check_free(present, name)


def used(
    transaction: Transaction, key: str, *, sign_count: int, backed_up: bool, now: datetime
) -> None:
    """Take note of a use."""
    values = {"sign_count": sign_count, "backed_up": backed_up, "last_used_at": now}
    transaction.execute(sa.update(table).where(table.c.id == key).values(values))


def rename(transaction: Transaction, user: str, key: str, name: str) -> Passkey:
    """Give a passkey another name; raise NotFoundError, ConflictError, InvalidInputError."""
    chosen, found = checked_name(name), get(transaction.connection, user, key)
    _check_free([each for each in of(transaction.connection, user) if each.id != key], chosen)
    transaction.execute(sa.update(table).where(table.c.id == found.id).values(name=chosen))
    return get(transaction.connection, user, key)


def remove(transaction: Transaction, user: str, key: str) -> Passkey:
    """Remove a person's passkey; raise NotFoundError."""
    found = get(transaction.connection, user, key)
    transaction.execute(sa.delete(table).where(table.c.id == found.id))
    return found


def remove_all(transaction: Transaction, user: str) -> int:
    """Remove all passkeys of a person; return how many there were."""
    present = of(transaction.connection, user)
    transaction.execute(sa.delete(table).where(table.c.user_name == user))
    return len(present)


def _check_free(present: Sequence[Passkey], name: str) -> None:
    if any(each.name.casefold() == name.casefold() for each in present):
        raise ConflictError(f"there is a passkey {name!r} already", hint="choose another name")


def _passkey(row: sa.Row[Any]) -> Passkey:
    return Passkey(
        id=row.id,
        user=row.user_name,
        name=row.name,
        credential_id=row.credential_id,
        public_key=row.public_key,
        sign_count=row.sign_count,
        aaguid=row.aaguid,
        transports=tuple(row.transports or ()),
        backed_up=row.backed_up,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
