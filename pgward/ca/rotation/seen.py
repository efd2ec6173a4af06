"""Who was seen to be ready: what machines report, and who lags."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.identity import machines
from pgward.ca.identity.machines import Machine
from pgward.ca.records import Kind
from pgward.ca.rotation import phases
from pgward.ca.rotation.phases import Need
from pgward.ca.rotation.rotations import Rotation
from pgward.ca.store.schema_authorities import rotation_reports
from pgward.ca.store.transaction import Transaction

MOST_PARTS = 64
_MAX_MESSAGE = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """What one part of a machine (a worker of an edge) found."""

    part: int
    parts: int
    ok: bool
    message: str
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class Laggard:
    """A machine that is not ready yet."""

    kind: Kind
    name: str
    since: datetime
    last_seen_at: datetime | None
    why: str
    hint: str

    @property
    def machine(self) -> str:
        """What it is called in audit events, and by ``--force-without``."""
        return f"{self.kind}:{self.name}"


_ASKED = {
    Need.CLIENT_PROBE: "to let a client of the new CA in",
    Need.SERVER_PROBE: "to trust a server of the new CA",
    Need.PRESENT: "to present a certificate of the new CA",
    Need.TAKE: "to have dropped the old CA",
}


def report(transaction: Transaction, rotation: Rotation, machine: Machine, found: Report) -> bool:
    """Store a report on the present phase; tell whether it says something new."""
    columns = rotation_reports.c
    mine = (
        columns.rotation == rotation.id,
        columns.kind == machine.kind.value,
        columns.name == machine.name,
        columns.part == found.part,
    )
    before = transaction.execute(sa.select(columns.ok, columns.message).where(*mine)).one_or_none()
    transaction.execute(sa.delete(rotation_reports).where(*mine))
    message = found.message[:_MAX_MESSAGE]
    row = {
        "rotation": rotation.id,
        "kind": machine.kind.value,
        "name": machine.name,
        "part": found.part,
        "parts": found.parts,
        "phase": rotation.phase.value,
        "ok": found.ok,
        "message": message,
        "reported_at": found.reported_at,
    }
    transaction.execute(sa.insert(rotation_reports).values(row))
    return before is None or tuple(before) != (found.ok, message)


def reports(connection: Connection, rotation: Rotation) -> dict[tuple[str, str], list[Report]]:
    """Return what was reported on the present phase, by kind and name."""
    columns = rotation_reports.c
    statement = sa.select(rotation_reports).where(
        columns.rotation == rotation.id, columns.phase == rotation.phase.value
    )
    found: dict[tuple[str, str], list[Report]] = defaultdict(list)
    for row in connection.execute(statement.order_by(columns.part)):
        each = Report(row.part, row.parts, row.ok, row.message, row.reported_at)
        found[row.kind, row.name].append(each)
    return found


def laggards(connection: Connection, rotation: Rotation) -> list[Laggard]:
    """Return every edge and PostgreSQL host that has not shown what the phase asks for.

    A connector serves nobody, and takes up whom to trust as it renews its certificate.
    """
    need = phases.need(rotation.target, rotation.phase)
    if need is None:
        return []
    told = reports(connection, rotation)
    found = []
    for machine in machines.every(connection):
        if machine.kind is Kind.CONNECTOR:
            continue
        mine = [
            each
            for each in told.get((machine.kind.value, machine.name), [])
            if each.reported_at >= machine.enrolled_at
        ]
        why = _why_not(mine, need)
        if why is not None:
            found.append(_laggard(machine, rotation, why))
    return found


def _why_not(found: list[Report], need: Need) -> str | None:
    """Say why these reports do not show it; None when they do."""
    if not found:
        return f"it was not seen yet {_ASKED[need]}"
    newest = max(found, key=lambda each: each.reported_at)
    now = [each for each in found if each.part < newest.parts]
    failed = next((each for each in now if not each.ok), None)
    if failed is not None:
        return failed.message
    missing = newest.parts - len(now)
    if missing:
        return f"{missing} of its {newest.parts} workers were not seen yet {_ASKED[need]}"
    return None


def _laggard(machine: Machine, rotation: Rotation, why: str) -> Laggard:
    if machine.kind is Kind.EDGE:
        hint = "see that `pgward edge serve` runs there and reaches the CA"
    else:
        hint = "run `pgward hba refresh` there"
    since = max(rotation.phase_since, machine.enrolled_at)
    return Laggard(machine.kind, machine.name, since, machine.last_seen_at, why, hint)


def as_json(each: Laggard) -> dict[str, Any]:
    """Return a laggard for the API."""
    return {
        "machine": each.machine,
        "since": each.since,
        "last_seen_at": each.last_seen_at,
        "why": each.why,
        "hint": each.hint,
    }
