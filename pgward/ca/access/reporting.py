"""What connectors tell: grants that are there, failed or ended, drift, and what was run.

A report may come late, twice, or out of its order: nothing in it brings a grant back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from pgward.access.request_states import ACTIVE, ENDING, EXPIRED, FAILED, LIVE, PENDING
from pgward.audit.events import AuditEvent
from pgward.ca.access import ending, requests
from pgward.ca.access.recording import record
from pgward.ca.access.requests import Grant
from pgward.ca.accounts import access_roles
from pgward.ca.identity.machines import Machine
from pgward.ca.store import Transaction, audit
from pgward.ca.store.schema_access import access_reports
from pgward.ca.store.transaction import SNAPSHOT, counter

MOST_PROBLEM = 500
_STATEMENTS = 100
"""In one event of the audit log."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one grant on a server; ``at`` is when, by the connector's word."""

    id: str
    state: Literal["active", "ended", "failed"]
    at: datetime
    problem: str | None = None
    sessions_ended: int = 0


@dataclass(frozen=True, slots=True)
class Drift:
    """What was changed by hand on a server, and whether it was put back."""

    what: str
    role: str
    detail: str
    mended: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL that was run, without any password."""

    at: datetime
    database: str
    sql: str


@dataclass(frozen=True, slots=True)
class Report:
    """One report; ``id`` tells one that comes again, ``passwords`` are those of access roles."""

    id: str
    integration: str
    version: int
    grants: Sequence[Told] = ()
    drift: Sequence[Drift] = ()
    statements: Sequence[Statement] = ()
    health: Mapping[str, Any] = field(default_factory=dict)
    passwords: Mapping[str, int] = field(default_factory=dict)


def take(transaction: Transaction, machine: Machine, report: Report, *, now: datetime) -> None:
    """Take a report of an integration that is the machine's own."""
    access_roles.told(transaction, report.integration, report.passwords)
    for each in report.grants:
        grant = requests.find_grant(transaction.connection, each.id)
        # A connector speaks of its own integration only.
        if grant is not None and grant.integration == report.integration:
            _take(transaction, machine, grant, each, now)
    found = list(_events(machine, report, now))
    if found:
        audit.add_new(transaction, found, source=machine.actor)
    _keep(transaction, machine, report, now)


def _take(
    transaction: Transaction, machine: Machine, grant: Grant, told: Told, now: datetime
) -> None:
    problem = None if told.problem is None else told.problem[:MOST_PROBLEM]
    if told.state == "active":
        _active(transaction, machine, grant, now)
    elif told.state == "ended":
        _ended(transaction, grant, told, now)
    elif grant.state == PENDING:
        changed = requests.change_grant(transaction, grant, problem=problem)
        record(transaction, "access.fail", grant, now=now, by=machine.actor, reason=problem or "")
        ending.end(transaction, changed, FAILED, now=now, note=problem or "")
    elif grant.state in (ACTIVE, ENDING) and grant.problem != problem:
        requests.change_grant(transaction, grant, problem=problem)
        record(transaction, "access.fail", grant, now=now, by=machine.actor, reason=problem or "")


def _active(transaction: Transaction, machine: Machine, grant: Grant, now: datetime) -> None:
    if grant.state == PENDING:
        requests.change_grant(transaction, grant, state=ACTIVE, activated_at=now, problem=None)
        role = grant.role
        record(transaction, "access.activate", grant, now=now, by=machine.actor, role=role)
    elif grant.state == ACTIVE and grant.problem is not None:
        requests.change_grant(transaction, grant, problem=None)


def _ended(transaction: Transaction, grant: Grant, told: Told, now: datetime) -> None:
    """Believe that nothing is left; of a grant that lives on, only when its time is over."""
    if grant.state in LIVE:
        if now < grant.ends_at:
            return
        grant = ending.end(transaction, grant, EXPIRED, now=now)
    ending.finish(transaction, grant, told.sessions_ended, now=now)


def _events(machine: Machine, report: Report, now: datetime) -> Iterator[AuditEvent]:
    """Return what goes on record; the ids make a report that comes again no second event."""
    for number, each in enumerate(report.drift):
        details = {
            "what": each.what,
            "role": each.role,
            "detail": each.detail,
            "mended": each.mended,
        }
        yield _event(machine, report, f"d{number}", "access.drift", now, details)
    for start in range(0, len(report.statements), _STATEMENTS):
        some = report.statements[start : start + _STATEMENTS]
        run = [{"database": each.database, "sql": each.sql} for each in some]
        yield _event(machine, report, f"s{start}", "access.provision", now, {"statements": run})


def _event(  # noqa: PLR0917 - what an event has
    machine: Machine, report: Report, number: str, action: str, now: datetime, details: Any
) -> AuditEvent:
    return AuditEvent(
        id=f"{report.id}-{number}",
        time=now,
        actor=machine.actor,
        action=action,
        outcome="ok",
        target=report.integration,
        details=details,
    )


def _keep(transaction: Transaction, machine: Machine, report: Report, now: datetime) -> None:
    """Keep the newest word about a server; one that says it is of the future is of now."""
    columns = access_reports.c
    version = min(report.version, counter(transaction.connection, SNAPSHOT))
    mine = columns.integration == report.integration
    newest = transaction.execute(sa.select(columns.version).where(mine)).scalar_one_or_none()
    if newest is not None and newest > version:
        return
    transaction.execute(sa.delete(access_reports).where(mine))
    row = {
        "integration": report.integration,
        "connector": machine.actor,
        "version": version,
        "health": dict(report.health),
        "told_at": now,
    }
    transaction.execute(sa.insert(access_reports).values(row))
