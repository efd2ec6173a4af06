"""Devices: the keys that people log in with, each known by its RFC 7638 thumbprint.

One that waits for approval is *pending*: known by a short code, for some minutes, and few at once.
What was revoked stays so. Of the approved ones the least used go when there are too many.
"""

import hashlib
import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store import Transaction
from pgward.ca.store.schema import login_sessions
from pgward.ca.store.schema_login import PENDING, devices
from pgward.core.errors import ConflictError, DeniedError, InvalidInputError, NotFoundError

MAX_NAME = 100
WAITS = timedelta(minutes=10)  # as long as a login takes
MOST_PENDING = 5
MOST = 1000
_CODE_LETTERS = 8
_BATCH = 50


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
    created_client: str | None
    approved_at: datetime | None
    approved_by: str | None
    revoked_at: datetime | None
    last_seen_at: datetime
    last_client: str | None
    posture: Mapping[str, Any] | None
    posture_at: datetime | None

    @property
    def code(self) -> str:
        """The short code by which its owner knows it while it waits."""
        return code_of(self.user, self.thumbprint)

    def waits(self, now: datetime) -> bool:
        """Tell whether it waits for approval, and not for too long."""
        return self.state is DeviceState.PENDING and now < self.created_at + WAITS


def code_of(user: str, thumbprint: str) -> str:
    """Return a device's code, like ``ABCD-2345``: 40 bits, the same on both of its ends."""
    digest = hashlib.sha256(f"pgward device\0{user}\0{thumbprint}".encode()).digest()
    letters = b32encode(digest).decode("ascii")[:_CODE_LETTERS]
    return f"{letters[:4]}-{letters[4:]}"


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


def page(
    connection: Connection,
    *,
    text: str,
    state: str | None,
    now: datetime,
    limit: int,
    after: str | None = None,
) -> tuple[list[Device], str | None]:
    """Return some devices of all people by owner, and what leads to the next page.

    ``text`` is in their names or owners'; ``state`` one of DeviceState, or "waiting".
    """
    columns = devices.c
    statement = sa.select(devices).order_by(columns.user_name, columns.thumbprint)
    if text:
        names = (columns.name, columns.user_name)
        statement = statement.where(
            sa.or_(*(each.icontains(text, autoescape=True) for each in names))
        )
    if state == "waiting":
        waits = sa.and_(sa.text(PENDING), columns.created_at > now - WAITS)
        statement = statement.where(waits)
    elif state is not None:
        statement = statement.where(columns.state == state)
    if after is not None:
        user, _, thumbprint = after.partition("/")
        later = sa.tuple_(columns.user_name, columns.thumbprint) > sa.tuple_(
            sa.literal(user), sa.literal(thumbprint)
        )
        statement = statement.where(later)
    found = [_device(row) for row in connection.execute(statement.limit(limit + 1))]
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], None if last is None else f"{last.user}/{last.thumbprint}"


def get(connection: Connection, user: str, which: str) -> Device:
    """Return a person's device by its id; raise NotFoundError."""
    chosen = (devices.c.user_name == user) & (devices.c.id == which)
    row = connection.execute(sa.select(devices).where(chosen)).one_or_none()
    if row is None:
        raise NotFoundError(f"{user} has no device {which!r}", hint="pgward devices")
    return _device(row)


def waiting(connection: Connection, user: str, which: str, now: datetime) -> Device:
    """Return the device that waits, by code or id; raise NotFoundError, ConflictError."""
    code = which.strip().upper().replace(" ", "-")
    found = [
        each
        for each in of(connection, user)
        if each.waits(now) and (each.id == which or each.code in (code, f"{code[:4]}-{code[4:]}"))
    ]
    if not found:
        raise NotFoundError(
            f"no device of {user} waits under {which!r}",
            hint="pgward devices lists those that wait, for ten minutes; later, log in there again",
        )
    if len(found) > 1:
        raise ConflictError("several devices wait under this code", hint="name one by its id")
    return found[0]


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
    """Take note of a person's device, a new or pending one in ``state``; return it as it is now.

    ``posture`` is what it says of itself now: what it said before counts no more. DeniedError when
    too many wait already.
    """
    known = find(transaction.connection, user, thumbprint)
    values: dict[str, Any] = {"last_seen_at": now, "last_client": client}
    values |= {"posture": posture, "posture_at": None if posture is None else now}
    if state is DeviceState.APPROVED and (known is None or known.state is DeviceState.PENDING):
        values |= {"state": state.value, "approved_at": now, "approved_by": by or user}
    if known is None:
        values |= {"name": shown(name) or "unnamed", "created_at": now, "created_client": client}
        _add(transaction, user, thumbprint, {"state": state.value} | values, now)
    else:
        values["name"] = known.name if known.name != "unnamed" else shown(name) or known.name
        if known.state is DeviceState.PENDING:
            values |= {"created_at": now, "created_client": client}
        transaction.execute(sa.update(devices).where(devices.c.id == known.id).values(values))
    found = find(transaction.connection, user, thumbprint)
    assert found is not None  # noqa: S101 - written just above
    return found


def approve(transaction: Transaction, device: Device, *, now: datetime, by: str) -> Device:
    """Let a device in that waits; raise ConflictError when it does not any more."""
    values = {"state": DeviceState.APPROVED.value, "approved_at": now, "approved_by": by}
    still = (devices.c.id == device.id) & (devices.c.state == DeviceState.PENDING.value)
    if not transaction.execute(sa.update(devices).where(still).values(values)).rowcount:
        raise ConflictError("the device does not wait any more", hint="pgward devices")
    return get(transaction.connection, device.user, device.id)


def revoke(transaction: Transaction, device: Device, *, now: datetime) -> None:
    """Let a device in no more; its sessions are the caller's to end."""
    values = {"state": DeviceState.REVOKED.value, "revoked_at": device.revoked_at or now}
    transaction.execute(sa.update(devices).where(devices.c.id == device.id).values(values))


def rename(transaction: Transaction, device: Device, name: str) -> Device:
    """Give a device another name; raise InvalidInputError."""
    new = shown(name)
    if not new or new != name.strip():
        raise InvalidInputError(
            f"a device's name is one line of 1 to {MAX_NAME} printable letters",
        )
    transaction.execute(sa.update(devices).where(devices.c.id == device.id).values(name=new))
    return get(transaction.connection, device.user, device.id)


def shown(name: str) -> str:
    """Return what a device is called, without what could disguise it where it is shown."""
    return "".join(letter for letter in name if letter.isprintable()).strip()[:MAX_NAME].strip()


def _add(
    transaction: Transaction, user: str, thumbprint: str, values: dict[str, Any], now: datetime
) -> None:
    columns = devices.c
    late = (columns.state == DeviceState.PENDING.value) & (columns.created_at <= now - WAITS)
    transaction.execute(sa.delete(devices).where(columns.user_name == user, late))
    if values["state"] == DeviceState.PENDING.value:
        if _count(transaction, user, DeviceState.PENDING) >= MOST_PENDING:
            raise DeniedError(
                f"{MOST_PENDING} devices of yours wait for approval already",
                hint="approve or revoke them (pgward devices), or wait ten minutes",
            )
    elif _count(transaction, user, DeviceState.APPROVED) >= MOST:
        _forget_least_used(transaction, user, now)
    row = {"id": secrets.token_hex(8), "user_name": user, "thumbprint": thumbprint, **values}
    transaction.execute(sa.insert(devices).values(row))


def _count(transaction: Transaction, user: str, state: DeviceState) -> int:
    mine = (devices.c.user_name == user) & (devices.c.state == state.value)
    counting = sa.select(sa.func.count()).select_from(devices).where(mine)
    return int(transaction.execute(counting).scalar_one())


def _forget_least_used(transaction: Transaction, user: str, now: datetime) -> None:
    """Make room: those that no living session is on, and never what was revoked."""
    columns, sessions = devices.c, login_sessions.c
    living = sa.select(sessions.device_id).where(
        sessions.user_name == user,
        sessions.device_id.is_not(None),
        sessions.ended_at.is_(None),
        sessions.expires_at > now,
    )
    oldest = (
        sa.select(columns.id)
        .where(
            columns.user_name == user,
            columns.state == DeviceState.APPROVED.value,
            columns.id.not_in(living),
        )
        .order_by(columns.last_seen_at, columns.id)
        .limit(_BATCH)
    )
    transaction.execute(sa.delete(devices).where(columns.id.in_(oldest)))


def _device(row: sa.Row[Any]) -> Device:
    return Device(
        id=row.id,
        user=row.user_name,
        thumbprint=row.thumbprint,
        name=row.name,
        state=DeviceState(row.state),
        created_at=row.created_at,
        created_client=row.created_client,
        approved_at=row.approved_at,
        approved_by=row.approved_by,
        revoked_at=row.revoked_at,
        last_seen_at=row.last_seen_at,
        last_client=row.last_client,
        posture=row.posture,
        posture_at=row.posture_at,
    )
