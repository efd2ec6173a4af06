"""Devices: the keys that people log in with, each known by its RFC 7638 thumbprint."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import devices

MAX_NAME = 100


class DeviceState(StrEnum):
    """Whether a device may be used; what was revoked stays so."""

    PENDING = "pending"
    APPROVED = "approved"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Device:
    """A device of one person; ``posture`` is what it says of itself."""

    id: str
    user: str
    thumbprint: str
    name: str
    state: DeviceState
    created_at: datetime
    approved_at: datetime | None
    approved_by: str | None
    last_seen_at: datetime
    last_client: str | None
    posture: Mapping[str, Any] | None
    posture_at: datetime | None


def find(connection: Connection, user: str, thumbprint: str) -> Device | None:
    """Return a person's device by its key."""
    columns = devices.c
    chosen = (columns.user_name == user) & (columns.thumbprint == thumbprint)
    row = connection.execute(sa.select(devices).where(chosen)).one_or_none()
    return None if row is None else _device(row)


def of(connection: Connection, user: str) -> list[Device]:
    """Return a person's devices, the one used last first."""
    columns = devices.c
    statement = sa.select(devices).where(columns.user_name == user)
    rows = connection.execute(statement.order_by(columns.last_seen_at.desc(), columns.id))
    return [_device(row) for row in rows]


def is_known(connection: Connection, user: str, thumbprint: str) -> bool:
    """Tell whether this person logged in with this key before, and may still."""
    found = find(connection, user, thumbprint)
    return found is not None and found.state is DeviceState.APPROVED


def see(
    transaction: Transaction,
    user: str,
    thumbprint: str,
    *,
    name: str,
    client: str | None,
    now: datetime,
    state: DeviceState = DeviceState.APPROVED,
    by: str | None = None,
    posture: Mapping[str, Any] | None = None,
) -> Device:
    """Take note of a person's device, a new one in ``state``; return it as it is now.

    ``posture`` is what it says of itself now: what it said before counts no more.
    """
    known = find(transaction.connection, user, thumbprint)
    shown = _shown(name)
    said: dict[str, Any] = {"posture": posture, "posture_at": None if posture is None else now}
    if known is None:
        row = {
            "id": secrets.token_hex(8),
            "user_name": user,
            "thumbprint": thumbprint,
            "name": shown or "unnamed",
            "state": state.value,
            "created_at": now,
            "created_client": client,
            "last_seen_at": now,
            "last_client": client,
            **said,
        }
        if state is DeviceState.APPROVED:
            row |= {"approved_at": now, "approved_by": by or user}
        transaction.execute(sa.insert(devices).values(row))
    else:
        values = {"last_seen_at": now, "last_client": client, "name": shown or known.name} | said
        transaction.execute(sa.update(devices).where(devices.c.id == known.id).values(values))
    found = find(transaction.connection, user, thumbprint)
    assert found is not None  # noqa: S101 - written just above
    return found


def _shown(name: str) -> str:
    """Return what a device calls itself, without what could disguise it where it is shown."""
    return "".join(letter for letter in name if letter.isprintable()).strip()[:MAX_NAME]


def _device(row: sa.Row[Any]) -> Device:
    return Device(
        id=row.id,
        user=row.user_name,
        thumbprint=row.thumbprint,
        name=row.name,
        state=DeviceState(row.state),
        created_at=row.created_at,
        approved_at=row.approved_at,
        approved_by=row.approved_by,
        last_seen_at=row.last_seen_at,
        last_client=row.last_client,
        posture=row.posture,
        posture_at=row.posture_at,
    )
