"""What rules of an edge may look at of somebody's login: its factors, and the device it is on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.access import admission
from pgward.ca.handles.logins import refused
from pgward.ca.identity import directory
from pgward.ca.identity.devices import DeviceState
from pgward.ca.identity.standings import GONE_WHY
from pgward.ca.records import Kind
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.store.schema import certificates, login_sessions
from pgward.ca.store.schema_login import devices
from pgward.core.errors import DeniedError


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose login, at which service, by which login session or by which certificate's serial."""

    service: str
    user: str
    session_id: str | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """A login session's factors, and its device: whether it is approved, what it says of itself.

    Without a device, ``device_id`` is None. A login session that is forgotten has none of these.
    """

    email: str = ""
    factors: tuple[str, ...] = ()
    device_id: str | None = None
    device_approved: bool = False
    posture: Mapping[str, Any] = field(default_factory=dict)


def find(connection: Connection, asked: Asked, *, edge: str, now: datetime) -> LoginFacts:
    """Return the facts, to an edge that serves the service to this person; raise DeniedError."""
    found = resources.find(connection, "Service", asked.service)
    spec = None if found is None else ServiceSpec.model_validate(found.spec)
    person = directory.find(connection, asked.user)
    if person is None or not person.is_valid(now):
        raise refused(f"{GONE_WHY}: {asked.user}")
    is_for = spec is not None and admission.may_use(connection, asked.service, spec, person, now)
    if spec is None or not spec.is_on(edge) or not is_for:
        raise DeniedError("this edge serves no such service to this person")
    session = _session(connection, asked, person.name)
    if session is None:
        return LoginFacts(email=person.email)
    device = _device(connection, session.device_id)
    return LoginFacts(
        email=person.email,
        factors=tuple(session.factors or ()),
        device_id=None if device is None else device.id,
        device_approved=device is not None and device.state == DeviceState.APPROVED.value,
        posture={} if device is None else dict(device.posture or {}),
    )


def _session(connection: Connection, asked: Asked, user: str) -> sa.Row[Any] | None:
    """Return the person's own session, by its id or by the certificate that it gave out."""
    session_id = asked.session_id
    if session_id is None and asked.serial is not None:
        columns = certificates.c
        session_id = connection.execute(
            sa.select(columns.session_id).where(
                columns.serial == asked.serial,
                columns.kind == Kind.PERSON.value,
                columns.subject == user,
            )
        ).scalar_one_or_none()
    columns = login_sessions.c
    statement = sa.select(login_sessions).where(columns.id == session_id, columns.user_name == user)
    return connection.execute(statement).one_or_none()


def _device(connection: Connection, device_id: str | None) -> sa.Row[Any] | None:
    if device_id is None:
        return None
    return connection.execute(sa.select(devices).where(devices.c.id == device_id)).one_or_none()
