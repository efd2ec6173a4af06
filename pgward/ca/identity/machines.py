"""Machines that enrolled: edges, PostgreSQL hosts and connectors."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.identity import database_health
from pgward.ca.identity.tokens import JoinToken
from pgward.ca.records import Kind
from pgward.ca.store import Transaction
from pgward.ca.store.certificates import ISSUED
from pgward.ca.store.schema import certificates, machines
from pgward.core.errors import NotFoundError

# How exactly "last seen" is kept: a write for every poll would be waste.
_SEEN_EVERY = timedelta(seconds=20)
_VERSION_EVERY = timedelta(seconds=1)
_ONLINE = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Machine:
    """An edge, host or connector; ``advertise`` is where people reach it (``host:port``)."""

    kind: Kind
    name: str
    dns: tuple[str, ...]
    ips: tuple[str, ...]
    advertise: str | None
    enrolled_at: datetime
    last_seen_at: datetime | None
    snapshot_version: int | None

    @property
    def actor(self) -> str:
        """The machine's name in audit events."""
        return f"{self.kind}:{self.name}"

    @property
    def server_name(self) -> str:
        """The name in its certificate that clients verify."""
        fixed = [name for name in self.dns if not name.startswith("*.")]
        return (*fixed, *self.ips, self.name)[0]

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains under which an edge may be asked for ``service.domain``."""
        return tuple(name.removeprefix("*.") for name in self.dns if name.startswith("*."))

    def is_online(self, now: datetime) -> bool:
        """Tell whether it asked lately; machines ask every half a minute at least."""
        return self.last_seen_at is not None and now - self.last_seen_at < _ONLINE


def enrol(
    transaction: Transaction, token: JoinToken, *, advertise: str | None, now: datetime
) -> Machine:
    """Add the machine that a token is for, or replace the one of the same kind and name."""
    transaction.execute(sa.delete(machines).where(*_is(token.kind, token.name)))
    row = {
        "kind": token.kind.value,
        "name": token.name,
        "dns": list(token.dns),
        "ips": list(token.ips),
        "advertise": advertise,
        "enrolled_at": now,
    }
    transaction.execute(sa.insert(machines).values(row))
    transaction.changed()
    return get(transaction.connection, token.kind, token.name)


# Every machine's request needs it, and SQLAlchemy takes longer to build a statement than to run it.
_FIND = sa.select(machines).where(
    machines.c.kind == sa.bindparam("of_kind"), machines.c.name == sa.bindparam("of_name")
)


def find(connection: Connection, kind: Kind, name: str) -> Machine | None:
    """Return the machine, or None."""
    row = connection.execute(_FIND, {"of_kind": kind.value, "of_name": name}).one_or_none()
    return None if row is None else _machine(row)


def get(connection: Connection, kind: Kind, name: str) -> Machine:
    """Return the machine; raise NotFoundError."""
    machine = find(connection, kind, name)
    if machine is None:
        raise NotFoundError(f"there is no {kind} {name!r}", hint=f"pgward {kind}s")
    return machine


def edges(connection: Connection) -> list[Machine]:
    """Return all edges by name."""
    return _every(connection, Kind.EDGE)


def hosts(connection: Connection) -> list[Machine]:
    """Return all PostgreSQL hosts by name."""
    return _every(connection, Kind.HOST)


def connectors(connection: Connection) -> list[Machine]:
    """Return all connectors by name."""
    return _every(connection, Kind.CONNECTOR)


def every(connection: Connection) -> list[Machine]:
    """Return all machines."""
    statement = sa.select(machines).order_by(machines.c.kind, machines.c.name)
    return [_machine(row) for row in connection.execute(statement)]


def expiries(connection: Connection, kind: Kind) -> dict[str, datetime]:
    """Return when the newest certificate of each machine of a kind ends."""
    columns = certificates.c
    statement = (
        sa.select(columns.subject, sa.func.max(columns.not_after))
        .where(columns.kind == kind.value, columns.state == ISSUED)
        .group_by(columns.subject)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def seen_needs_writing(machine: Machine, version: int | None, now: datetime) -> bool:
    """Tell whether ``seen`` would say something worth a transaction."""
    if machine.last_seen_at is None:
        return True
    # Earlier than when it was last seen: the clock was put right.
    ago = abs(now - machine.last_seen_at)
    if version is None or version == machine.snapshot_version:
        return ago >= _SEEN_EVERY
    # Under a stream of changes each edge would write as often as it is told.
    return machine.snapshot_version is None or ago >= _VERSION_EVERY


def seen(transaction: Transaction, machine: Machine, version: int | None, now: datetime) -> None:
    """Note that a machine asked, and which snapshot it holds."""
    values: dict[str, Any] = {"last_seen_at": now}
    if version is not None:
        values["snapshot_version"] = version
    transaction.execute(sa.update(machines).where(*_is(machine.kind, machine.name)).values(values))


def remove(transaction: Transaction, kind: Kind, name: str) -> Machine:
    """Forget a machine; raise NotFoundError. Its certificates are the caller's to revoke."""
    machine = get(transaction.connection, kind, name)
    if kind is Kind.EDGE:
        database_health.forget(transaction, name)
    transaction.execute(sa.delete(machines).where(*_is(kind, name)))
    transaction.changed()
    return machine


def _every(connection: Connection, kind: Kind) -> list[Machine]:
    statement = sa.select(machines).where(machines.c.kind == kind.value)
    return [_machine(row) for row in connection.execute(statement.order_by(machines.c.name))]


def _is(kind: Kind, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (machines.c.kind == kind.value, machines.c.name == name)


def _machine(row: sa.Row[Any]) -> Machine:
    return Machine(
        kind=Kind(row.kind),
        name=row.name,
        dns=tuple(row.dns),
        ips=tuple(row.ips),
        advertise=row.advertise,
        enrolled_at=row.enrolled_at,
        last_seen_at=row.last_seen_at,
        snapshot_version=row.snapshot_version,
    )
