"""Access requests and grants in the store: written, found, and listed page by page."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access.flows import Asked
from pgward.access.request_states import APPROVED, LIVE, PENDING
from pgward.ca.access import reach
from pgward.ca.store import Transaction
from pgward.ca.store.schema_access import access_decisions, access_grants, access_requests
from pgward.core.errors import NotFoundError

APPROVE, DENY = "approve", "deny"
_REQUESTS, _GRANTS = access_requests.c, access_grants.c


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What somebody asked for, and what became of it; see ``schema_access``."""

    id: str
    user_name: str
    service: str
    flow: str
    flow_version: int
    integration: str | None
    extends: str | None
    state: str
    version: int
    asked: Mapping[str, Any]
    seconds: int
    reason: str
    break_glass: bool
    rule: str | None
    created_at: datetime
    lapses_at: datetime
    remind_at: datetime | None
    decided_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None

    @property
    def rights(self) -> Asked:
        """What is asked for."""
        return _read(json.dumps(self.asked))


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person said about a request."""

    decided_by: str
    decision: str
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """What became of a request that was approved; see ``schema_access``."""

    id: str
    user_name: str
    service: str
    flow: str
    integration: str | None
    role: str | None
    rights: Mapping[str, Any]
    names: Sequence[str]
    state: str
    granted_at: datetime
    ends_at: datetime
    activated_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    ended_by: str | None
    problem: str | None
    sessions_ended: int | None
    told_at: datetime | None
    break_glass: bool

    @property
    def asked(self) -> Asked:
        """What it gives."""
        return _read(json.dumps(self.rights))


@lru_cache(4096)  # many ask for the same
def _read(asked: str) -> Asked:
    return Asked.read(json.loads(asked))


# All but what the store keeps for itself.
_WHOLE_GRANT = [_GRANTS[each.name] for each in fields(Grant)]
# SQLAlchemy takes longer to build a statement than to run it.
_FIND = sa.select(access_requests).where(_REQUESTS.id == sa.bindparam("of_id"))
_FIND_GRANT = sa.select(*_WHOLE_GRANT).where(_GRANTS.id == sa.bindparam("of_id"))


def new_id() -> str:
    """Return the id of a new request: short, as people write it, and not to be guessed."""
    return secrets.token_hex(8)


def add(transaction: Transaction, values: Mapping[str, Any]) -> AccessRequest:
    """Store a new request."""
    transaction.execute(sa.insert(access_requests).values(**values))
    return get(transaction.connection, values["id"])


def find(connection: Connection, request_id: str) -> AccessRequest | None:
    """Return a request, or None."""
    row = connection.execute(_FIND, {"of_id": request_id}).one_or_none()
    return None if row is None else AccessRequest(**row._mapping)  # noqa: SLF001 - public there


def get(connection: Connection, request_id: str) -> AccessRequest:
    """Return a request; raise NotFoundError."""
    found = find(connection, request_id)
    if found is None:
        raise unknown(request_id)
    return found


def several(connection: Connection, ids: Sequence[str]) -> list[AccessRequest]:
    """Return those of these requests that there are."""
    statement = sa.select(access_requests).where(_REQUESTS.id.in_(ids))
    return [AccessRequest(*row) for row in connection.execute(statement)] if ids else []


def unknown(request_id: str) -> NotFoundError:
    """Return the error for a request that is not there, or not to be seen."""
    return NotFoundError(f"there is no access request {request_id!r}", hint="pgward requests")


def change(transaction: Transaction, request: AccessRequest, **values: Any) -> AccessRequest:
    """Change a request; its version grows."""
    news = {**values, "version": request.version + 1}
    statement = sa.update(access_requests).where(_REQUESTS.id == request.id)
    transaction.execute(statement.values(**news))
    return get(transaction.connection, request.id)


def waiting_of(connection: Connection, user: str) -> list[AccessRequest]:
    """Return the requests of a person that are not decided."""
    return _requests(connection, _REQUESTS.user_name == user, _REQUESTS.state == PENDING)


def asked_since(connection: Connection, user: str, since: datetime) -> int:
    """Return how many requests somebody has made since then."""
    mine = sa.and_(_REQUESTS.user_name == user, _REQUESTS.created_at > since)
    statement = sa.select(sa.func.count()).select_from(access_requests).where(mine)
    return int(connection.execute(statement).scalar_one())


def live_of(connection: Connection, user: str, now: datetime) -> int:
    """Return how many grants somebody has that are not over."""
    mine = sa.and_(_GRANTS.user_name == user, _GRANTS.state.in_(LIVE), _GRANTS.ends_at > now)
    statement = sa.select(sa.func.count()).select_from(access_grants).where(mine)
    return int(connection.execute(statement).scalar_one())


def extensions_of(connection: Connection, grant_id: str) -> list[AccessRequest]:
    """Return the requests to make a grant longer that are not decided."""
    return _requests(connection, _REQUESTS.extends == grant_id, _REQUESTS.state == PENDING)


def overdue(connection: Connection, now: datetime, most: int) -> list[AccessRequest]:
    """Return requests that nobody answered in time."""
    statement = (
        sa.select(access_requests)
        .where(_REQUESTS.state == PENDING, _REQUESTS.lapses_at <= now)
        .order_by(_REQUESTS.lapses_at)
        .limit(most)
    )
    return [AccessRequest(**row) for row in connection.execute(statement).mappings()]


def decide(
    transaction: Transaction, request: AccessRequest, decision: Decision, number: int
) -> None:
    """Store what one person said."""
    row = {
        "request_id": request.id,
        "number": number,
        "decided_by": decision.decided_by,
        "decision": decision.decision,
        "reason": decision.reason,
        "decided_at": decision.decided_at,
    }
    transaction.execute(sa.insert(access_decisions).values(row))


def decisions(connection: Connection, request_id: str) -> list[Decision]:
    """Return what was said about a request, in order."""
    columns = access_decisions.c
    statement = (
        sa.select(columns.decided_by, columns.decision, columns.reason, columns.decided_at)
        .where(columns.request_id == request_id)
        .order_by(columns.number)
    )
    return [Decision(**row) for row in connection.execute(statement).mappings()]


def add_grant(transaction: Transaction, values: Mapping[str, Any]) -> Grant:
    """Store a new grant."""
    transaction.execute(sa.insert(access_grants).values(**values))
    transaction.granted()
    found = find_grant(transaction.connection, values["id"])
    if found is None:
        raise unknown(values["id"])
    return found


def find_grant(connection: Connection, grant_id: str) -> Grant | None:
    """Return a grant, or None."""
    row = connection.execute(_FIND_GRANT, {"of_id": grant_id}).one_or_none()
    return None if row is None else Grant(**row._mapping)  # noqa: SLF001 - public in SQLAlchemy


def change_grant(transaction: Transaction, grant: Grant, **values: Any) -> Grant:
    """Change a grant; edges and connectors hear of it."""
    statement = sa.update(access_grants).where(_GRANTS.id == grant.id).values(**values)
    transaction.execute(statement)
    transaction.granted()
    found = find_grant(transaction.connection, grant.id)
    if found is None:
        raise unknown(grant.id)
    return found


def grants(
    connection: Connection, *conditions: sa.ColumnElement[bool], most: int | None = None
) -> Iterator[Grant]:
    """Yield grants of which conditions hold: on user, service, integration, flow or state."""
    statement = sa.select(*_WHOLE_GRANT).where(*conditions).order_by(_GRANTS.id).limit(most)
    for row in connection.execute(statement).mappings():
        yield Grant(**row)


def grants_of(connection: Connection, ids: Sequence[str]) -> dict[str, Grant]:
    """Return the grants that requests became, by id."""
    if not ids:
        return {}
    return {each.id: each for each in grants(connection, _GRANTS.id.in_(ids))}


@dataclass(frozen=True, slots=True)
class Search:
    """Which requests: every field that is not None must match; ``flows`` is who asks may see.

    ``user`` is an exact name. With ``seen_by`` those of that person are found, and of ``flows``.
    """

    state: str | None = None
    user: str | None = None
    service: str | None = None
    seen_by: str | None = None
    flows: Sequence[str] = ()
    unacknowledged: bool = False
    prefix: str | None = None


def page(
    connection: Connection, search: Search, *, after: str | None, limit: int
) -> list[AccessRequest]:
    """Return the newest requests, or those that are older than ``after`` (an id)."""
    given = {"state": search.state, "user_name": search.user, "service": search.service}
    conditions = [_REQUESTS[name] == value for name, value in given.items() if value is not None]
    if search.prefix is not None:
        # A range, which an index answers: ids are hexadecimal, and g comes behind them.
        conditions += [_REQUESTS.id >= search.prefix, _REQUESTS.id < f"{search.prefix}g"]
    if search.unacknowledged:
        conditions += [
            _REQUESTS.state == APPROVED,
            _REQUESTS.break_glass,
            _REQUESTS.acknowledged_at.is_(None),
        ]
    order = (_REQUESTS.created_at, _REQUESTS.id)
    if after is not None:
        last = get(connection, after)
        conditions.append(_behind(order, last.created_at, last.id))
    if search.seen_by is not None:
        is_few = search.user or search.service or search.prefix or search.unacknowledged
        conditions.append(_seen(access_requests, search, conditions, order, limit, is_few))
    statement = (
        sa.select(access_requests)
        .where(*conditions)
        .order_by(*(each.desc() for each in order))
        .limit(limit)
    )
    return [AccessRequest(**row) for row in connection.execute(statement).mappings()]


@dataclass(frozen=True, slots=True)
class GrantSearch:
    """Which grants, as for requests; ``states`` are looked through one by one."""

    states: Sequence[str]
    user: str | None = None
    service: str | None = None
    seen_by: str | None = None
    flows: Sequence[str] = ()


def grant_page(
    connection: Connection, search: GrantSearch, *, after: str | None, limit: int
) -> list[Grant]:
    """Return the grants that end last, or those behind ``after`` (an id)."""
    given = {"user_name": search.user, "service": search.service}
    conditions = [_GRANTS[name] == value for name, value in given.items() if value is not None]
    order = (_GRANTS.ends_at, _GRANTS.id)
    if after is not None:
        last = find_grant(connection, after)
        if last is None:
            raise unknown(after)
        conditions.append(_behind(order, last.ends_at, last.id))
    found: list[Grant] = []
    for state in search.states:  # an index has each in this order, and none has all
        these = [_GRANTS.state == state, *conditions]
        if search.seen_by is not None:
            is_few = search.user or search.service
            these.append(_seen(access_grants, search, these, order, limit, is_few))
        statement = (
            sa.select(*_WHOLE_GRANT)
            .where(*these)
            .order_by(*(each.desc() for each in order))
            .limit(limit)
        )
        found += [Grant(**row) for row in connection.execute(statement).mappings()]
    found.sort(key=lambda each: (each.ends_at, each.id), reverse=True)
    return found[:limit]


def _behind(order: Sequence[sa.Column[Any]], *last: Any) -> sa.ColumnElement[bool]:
    """Return the condition that something comes behind this in a descending order."""
    values = [sa.literal(value, each.type) for each, value in zip(order, last, strict=True)]
    return sa.tuple_(*order) < sa.tuple_(*values)


def _seen(  # noqa: PLR0917 - what a search is made of
    table: sa.Table,
    search: Search | GrantSearch,
    among: Sequence[sa.ColumnElement[bool]],
    order: Sequence[sa.Column[Any]],
    limit: int,
    is_few: object,
) -> sa.ColumnElement[bool]:
    """Return the condition that somebody may see something; where it is of few, as it stands."""
    person = str(search.seen_by)
    if is_few:
        return sa.or_(table.c.user_name == person, table.c.flow.in_(search.flows))
    return reach.seen(table, person, search.flows, among=list(among), order=order, limit=limit)


def decisions_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Decision]]:
    """Return what was said about several requests, by id and in order."""
    columns = access_decisions.c
    statement = (
        sa.select(access_decisions)
        .where(columns.request_id.in_(ids))
        .order_by(columns.request_id, columns.number)
    )
    found: dict[str, list[Decision]] = {}
    for row in connection.execute(statement) if ids else ():
        said = Decision(row.decided_by, row.decision, row.reason, row.decided_at)
        found.setdefault(row.request_id, []).append(said)
    return found


def _requests(connection: Connection, *conditions: sa.ColumnElement[bool]) -> list[AccessRequest]:
    statement = sa.select(access_requests).where(*conditions).order_by(_REQUESTS.created_at)
    return [AccessRequest(**row) for row in connection.execute(statement).mappings()]
