"""When people last came in, taken from what edges and PostgreSQL hosts put on record.

Of a host's log only logins count whose name PostgreSQL proved: others could be anybody's. Of an
edge only those count at services that are on it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.audit.events import AuditEvent
from pgward.ca.identity.machines import Machine
from pgward.ca.records import Kind
from pgward.ca.resources import stored as resources
from pgward.ca.store import Transaction
from pgward.ca.store.schema import users
from pgward.ca.store.schema_reviews import last_uses

SERVICE: Final = "service"
HOST: Final = "host"
_EXACT: Final = timedelta(minutes=1)
"""A later use so shortly after the one that is known is not written."""
_MOST_LETTERS: Final = 63
_OPEN: Final = "session.open"
_USES = last_uses.c


def note(
    transaction: Transaction, machine: Machine, events: Iterable[AuditEvent], now: datetime
) -> int:
    """Keep what events of a machine say of uses; return how many were news."""
    kind = SERVICE if machine.kind is Kind.EDGE else HOST
    latest: dict[tuple[str, str], datetime] = {}
    for event in events:
        place = _place(event, machine)
        if place is not None and len(event.actor) <= _MOST_LETTERS:
            key = (place, event.actor)
            when = min(event.time, now)  # a clock that goes wrong makes nothing used for years
            latest[key] = max(when, latest.get(key, when))
    if not latest:
        return 0
    connection = transaction.connection
    if kind == SERVICE:
        # An edge that somebody has taken over keeps no right in use that is not its own to serve.
        own = {place for place, _ in latest if _serves(connection, machine, place)}
        latest = {key: when for key, when in latest.items() if key[0] in own}
    people = _known(connection, {user for _, user in latest})
    known = _kept(connection, kind, latest.keys())
    fresh = [
        {"kind": kind, "place": place, "user_name": user, "used_at": when}
        for (place, user), when in latest.items()
        if user in people and _is_news(known.get((place, user)), when)
    ]
    for row in fresh:
        _write(transaction, row, is_new=(row["place"], row["user_name"]) not in known)
    return len(fresh)


def at(connection: Connection, kind: str, place: str, user: str | None) -> dict[str, datetime]:
    """Return when each person last came in at a service or a host; of one, if one is named."""
    chosen = sa.select(_USES.user_name, _USES.used_at).where(
        _USES.kind == kind, _USES.place == place
    )
    if user is not None:
        chosen = chosen.where(_USES.user_name == user)
    return {row.user_name: row.used_at for row in connection.execute(chosen)}


def _place(event: AuditEvent, machine: Machine) -> str | None:
    """Return where somebody came in, if an event says so for sure."""
    if (event.action, event.outcome) != (_OPEN, "ok"):
        return None
    if machine.kind is Kind.EDGE:
        target = event.target or ""
        return target if 0 < len(target) <= _MOST_LETTERS else None
    details = event.details
    is_proved = "serial" in details or ("identity" in details and "forgeable" not in details)
    return machine.name if is_proved and "doubtful" not in details else None


def _serves(connection: Connection, edge: Machine, service: str) -> bool:
    found = resources.find(connection, "Service", service)
    if found is None:
        return False
    edges = found.spec.get("edges")
    return edges is None or edge.name in edges


def _known(connection: Connection, names: set[str]) -> set[str]:
    chosen = sa.select(users.c.name).where(users.c.name.in_(names))
    return set(connection.execute(chosen).scalars())


def _kept(
    connection: Connection, kind: str, pairs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], datetime]:
    wanted = list(pairs)
    chosen = sa.select(_USES.place, _USES.user_name, _USES.used_at).where(
        _USES.kind == kind,
        _USES.place.in_({place for place, _ in wanted}),
        _USES.user_name.in_({user for _, user in wanted}),
    )
    return {(row.place, row.user_name): row.used_at for row in connection.execute(chosen)}


def _is_news(known: datetime | None, when: datetime) -> bool:
    return known is None or when - known >= _EXACT


def _write(transaction: Transaction, row: dict[str, Any], *, is_new: bool) -> None:
    if is_new:
        transaction.execute(sa.insert(last_uses).values(row))
        return
    mine = (
        *(_USES.kind == row["kind"], _USES.place == row["place"]),
        _USES.user_name == row["user_name"],
    )
    transaction.execute(sa.update(last_uses).where(*mine).values(used_at=row["used_at"]))
