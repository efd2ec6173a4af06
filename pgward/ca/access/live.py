"""The grants that count now, as edges and PostgreSQL hosts need them: many rows, few columns."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access.request_states import ACTIVE, ENDED, ENDING, PENDING
from pgward.ca.store.schema_access import access_grants

EVER: Final = datetime.min.replace(tzinfo=UTC)
"""As a time: nothing that is active is over, though it may be just now."""


class LiveGrant(NamedTuple):
    """A grant whose rights exist; a tuple, as there may be 100,000.

    ``role`` is the access role, None where a grant only lets in; ``names`` are those of its
    bundles and roles. One person may have several on one service.
    """

    id: str
    user: str
    service: str
    integration: str | None
    role: str | None
    until: datetime
    names: tuple[str, ...]


# Every snapshot needs it, and SQLAlchemy takes longer to build a statement than to run it.
_COLUMNS = access_grants.c
_ALL = (
    sa.select(
        _COLUMNS.id,
        _COLUMNS.user_name,
        _COLUMNS.service,
        _COLUMNS.integration,
        _COLUMNS.role,
        _COLUMNS.ends_at,
        _COLUMNS.names,
    )
    .where(_COLUMNS.state == ACTIVE, _COLUMNS.ends_at > sa.bindparam("at"))
    .order_by(_COLUMNS.service, _COLUMNS.user_name, _COLUMNS.id)
)
_OF_PERSON = _ALL.where(_COLUMNS.user_name == sa.bindparam("of_user"))
_OF_SERVICES = _ALL.where(_COLUMNS.service.in_(sa.bindparam("of_services", expanding=True)))
# With DISTINCT, or without an order, SQLite goes through all services instead of the changed ones.
_CHANGED = (
    sa.select(_COLUMNS.service, _COLUMNS.state)
    .where(_COLUMNS.revision >= sa.bindparam("since"))
    .order_by(_COLUMNS.revision)
)
_CHANGED_INTEGRATIONS = (
    sa.select(_COLUMNS.integration)
    .where(_COLUMNS.revision >= sa.bindparam("since"))
    .order_by(_COLUMNS.revision)
)
_OVER = (
    sa.select(_COLUMNS.user_name)
    .distinct()
    .where(
        _COLUMNS.integration.in_(sa.bindparam("of_integrations", expanding=True)),
        _COLUMNS.ends_at > sa.bindparam("since"),
        sa.or_(_COLUMNS.state.in_((ENDING, ENDED)), _COLUMNS.ends_at <= sa.bindparam("at")),
    )
)
_OF_INTEGRATIONS = _ALL.where(
    _COLUMNS.integration.in_(sa.bindparam("of_integrations", expanding=True))
)


def every(connection: Connection, now: datetime) -> Iterator[LiveGrant]:
    """Yield all grants that are active at a time, by service and person."""
    return _read(connection, _ALL, {"at": now})


def of_person(connection: Connection, user: str, now: datetime) -> Iterator[LiveGrant]:
    """Yield those of one person, by the exact name."""
    return _read(connection, _OF_PERSON, {"at": now, "of_user": user})


def of_services(connection: Connection, services: list[str], now: datetime) -> Iterator[LiveGrant]:
    """Yield those on these services, by service and person."""
    return _read(connection, _OF_SERVICES, {"at": now, "of_services": services})


def changed_services(connection: Connection, since: int) -> dict[str, bool]:
    """Return whose grants changed since the store had a version, and whether one has ended.

    One that waits for its connector was never anything else.
    """
    found: dict[str, bool] = {}
    for service, state in connection.execute(_CHANGED, {"since": since}):
        if state != PENDING:
            found[service] = found.get(service, False) or state != ACTIVE
    return found


def of_integrations(
    connection: Connection, integrations: list[str], now: datetime
) -> Iterator[LiveGrant]:
    """Yield those on the servers of these integrations."""
    return _read(connection, _OF_INTEGRATIONS, {"at": now, "of_integrations": integrations})


def changed_integrations(connection: Connection, since: int) -> set[str]:
    """Return on whose servers grants changed, in any way, since the store had a version."""
    found = connection.execute(_CHANGED_INTEGRATIONS, {"since": since}).scalars()
    return {name for name in found if name is not None}


def over_since(
    connection: Connection, integrations: list[str], since: datetime, now: datetime
) -> set[str]:
    """Return whose grants on these servers are over by now, though not since before a time."""
    values = {"of_integrations": integrations, "since": since, "at": now}
    return set(connection.execute(_OVER, values).scalars())


def _read(
    connection: Connection, statement: sa.Select[Any], values: Mapping[str, object]
) -> Iterator[LiveGrant]:
    for row in connection.execute(statement, values):
        yield LiveGrant._make((*row[:-1], tuple(row[-1])))
