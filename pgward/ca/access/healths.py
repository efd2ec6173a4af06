"""How connectors fare with their servers, by their own word, and whether they are heard at all."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.access import declared
from pgward.ca.identity import machines
from pgward.ca.identity.machines import Machine
from pgward.ca.records import Kind
from pgward.ca.resources.integration import IntegrationSpec
from pgward.ca.store.schema_access import access_reports
from pgward.core.clock import rfc3339

SILENT: Final = timedelta(seconds=90)
"""A connector asks every 20 seconds, and that is written down as often."""
OK: Final = "ok"
_MOST_STATE = 20
_MOST_PROBLEM = 1000
_WORDS = {
    "away": "the connector cannot reach the server",
    "standby": "the server is a standby, which takes no changes",
    "refused": "the server does not let the connector in",
    "locked": "another connector works the server",
}
_OTHERWISE = "the connector cannot work the server"


@dataclass(frozen=True, slots=True)
class Health:
    """What a connector told last of one integration; ``machine`` is who, as in the audit log."""

    integration: str
    machine: str
    told_at: datetime
    state: str | None = None
    problem: str | None = None
    server_version: int | None = None


def every(connection: Connection, integrations: Collection[str]) -> dict[str, Health]:
    """Return what is known of these, by name: what is not told, or is of no form, is None."""
    columns = access_reports.c
    rows = connection.execute(sa.select(access_reports).order_by(columns.integration))
    wanted = set(integrations)
    return {row.integration: _health(row) for row in rows if row.integration in wanted}


@dataclass(frozen=True, slots=True)
class Service:
    """Who serves an integration: when it was heard last, and what it told last, if it has."""

    machine: str
    last_seen_at: datetime | None
    health: Health | None
    trouble: str | None
    """Why nothing is done on the server now, in words for anybody."""


def service(
    connection: Connection, integration: str, spec: IntegrationSpec, now: datetime
) -> Service:
    """Return how an integration is served."""
    kind = Kind.EDGE if spec.connector is None else Kind.CONNECTOR
    name = spec.connector or spec.edge or ""
    machine = machines.find(connection, kind, name)
    health = every(connection, [integration]).get(integration)
    if health is not None and (machine is None or health.machine != machine.actor):
        health = None  # whoever served it before
    trouble = _silence(f"{kind} {name}", machine, now) or _hindrance(health)
    seen = None if machine is None else machine.last_seen_at
    return Service(f"{kind}:{name}", seen, health, trouble)


def trouble(
    connection: Connection, integration: str, now: datetime, *, whole: bool = False
) -> str | None:
    """Return why nothing is done on an integration's server now; None where all is well.

    With ``whole`` in the connector's own words, which are not for everybody.
    """
    spec = declared.integration(connection, integration)
    if spec is None:
        return f"there is no integration {integration}"
    found = service(connection, integration, spec, now)
    said = None if found.health is None else found.health.problem
    if whole and said and found.trouble is not None and found.trouble == _hindrance(found.health):
        return f"{found.trouble}: {said}"
    return found.trouble


def _silence(who: str, machine: Machine | None, now: datetime) -> str | None:
    if machine is None:
        return f"there is no {who}"
    if machine.last_seen_at is None:
        return f"the {who} has never asked for anything"
    if now - machine.last_seen_at > SILENT:
        return f"the {who} was heard last at {rfc3339(machine.last_seen_at)}"
    return None


def _hindrance(health: Health | None) -> str | None:
    if health is None or health.state in (OK, None):
        return None
    return _WORDS.get(health.state, _OTHERWISE)


def _health(row: sa.Row[tuple[object, ...]]) -> Health:
    told = row.health
    version = told.get("server_version")
    return Health(
        row.integration,
        row.connector,
        row.told_at,
        _text(told.get("state"), _MOST_STATE),
        _text(told.get("problem"), _MOST_PROBLEM),
        version if isinstance(version, int) and not isinstance(version, bool) else None,
    )


def _text(value: object, most: int) -> str | None:
    return value[:most] if isinstance(value, str) else None
