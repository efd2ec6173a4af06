"""How the databases behind edges are, as each edge last told: only what changed is written.

An edge tells when something changes. So what it said holds for as long as it is heard of
(`Machine.is_online`), and says nothing once it is not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store import Transaction
from pgward.ca.store.schema_health import database_health

MOST = 500
"""The longest problem that is kept, in letters."""
_C = database_health.c


@dataclass(frozen=True, slots=True)
class Found:
    """What an edge found of a service; ``problem`` is None where a server of it answers."""

    service: str
    edge: str
    problem: str | None
    since: datetime


def differs(connection: Connection, edge: str, told: Mapping[str, str | None]) -> bool:
    """Tell whether an edge says something else than is known of it."""
    return _known(connection, edge) != _kept(told)


def keep(
    transaction: Transaction, edge: str, told: Mapping[str, str | None], now: datetime
) -> None:
    """Keep what an edge says of each service: its problem, or None; what it leaves out is gone."""
    known, wanted = _known(transaction.connection, edge), _kept(told)
    changed = [name for name in known if name not in wanted or wanted[name] != known[name]]
    if changed:
        gone = (_C.edge == edge, _C.service.in_(changed))
        transaction.execute(sa.delete(database_health).where(*gone))
    rows = [
        {"service": name, "edge": edge, "problem": problem, "since": now}
        for name, problem in wanted.items()
        if name not in known or known[name] != problem
    ]
    for row in rows:
        transaction.execute(sa.insert(database_health).values(row))


def forget(transaction: Transaction, edge: str) -> None:
    """Forget what an edge said, which is no more."""
    transaction.execute(sa.delete(database_health).where(_C.edge == edge))


def of(connection: Connection, services: Collection[str]) -> list[Found]:
    """Return what is known of these services, by service and edge."""
    statement = sa.select(_C.service, _C.edge, _C.problem, _C.since)
    wanted = statement.where(_C.service.in_(sorted(services))).order_by(_C.service, _C.edge)
    return [Found(*row) for row in connection.execute(wanted)]


def by_edge(connection: Connection, edge: str) -> list[Found]:
    """Return what an edge told, by service."""
    statement = sa.select(_C.service, _C.edge, _C.problem, _C.since).where(_C.edge == edge)
    return [Found(*row) for row in connection.execute(statement.order_by(_C.service))]


def _known(connection: Connection, edge: str) -> dict[str, str | None]:
    statement = sa.select(_C.service, _C.problem).where(_C.edge == edge)
    return {row.service: row.problem for row in connection.execute(statement)}


def _kept(told: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: None if each is None else each[:MOST] for name, each in told.items()}
