"""How connectors fare with their servers, by their own word."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.schema_access import access_reports

_MOST_STATE = 20
_MOST_PROBLEM = 1000


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
