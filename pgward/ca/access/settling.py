"""Ends that nobody asks for: times that are over, and grants that nothing gives any more.

A grant is only as good as what it rests on is now. What changes in the directory or among the
resources is noted in the transaction of the change (``Transaction.touch``); the leader looks at the
grants that rest on it, and at nothing else.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access import flows
from pgward.access.people import Person
from pgward.access.request_states import BLOCKED, EXPIRED, LAPSED, LIVE, REMOVED
from pgward.ca import caller
from pgward.ca.access import deciders, declared, ending, requests
from pgward.ca.access.requests import Grant
from pgward.ca.identity import directory
from pgward.ca.store import Store, Transaction
from pgward.ca.store.schema import users
from pgward.ca.store.schema_access import access_grants, access_requests
from pgward.ca.store.schema_rechecks import access_rechecks
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError

BATCH = 200
"""Grants that one transaction ends: others wait for it."""
_GRANTS = access_grants.c

Write = Callable[[], AbstractContextManager[Transaction]]


def settle(store: Store, now: datetime, *, write: Write | None = None) -> int:
    """Do all that is due; return how much it was. Takes the writer's lock only where it must."""
    begin = write or store.write
    done = 0
    while _is_due(store, now):
        with begin() as transaction:
            some = _lapse(transaction, now)
            some += _expire(transaction, now)
            some += _recheck(transaction, now)
        if not some:
            break
        done += some
    return done


def why_not(connection: Connection, grant: Grant, now: datetime) -> str | None:
    """Return why somebody may not have what a live grant gives, as things are now; None if so."""
    user = directory.find(connection, grant.user_name)
    if user is None or user.name != grant.user_name:
        return REMOVED
    if not deciders.is_able(user, now):
        return BLOCKED
    try:
        gives = _gives(connection, grant, deciders.as_person(user))
    except (ConflictError, InvalidInputError, NotFoundError):
        return REMOVED
    return None if gives else REMOVED


def _gives(connection: Connection, grant: Grant, person: Person) -> bool:
    """Tell whether the flow, the service and the bundles of now give it; or raise why not."""
    flow, aim = declared.flow(connection, grant.flow), declared.target(connection, grant.service)
    if flow is None or not flow.is_for(aim.service, aim.labels):
        return False
    if not flow.lets_ask(person, break_glass=grant.break_glass):
        return False
    if flows.uncovered(flow, grant.asked) is not None:
        return False
    if grant.integration is None:
        return True
    declared.check_bundles(connection, grant.asked.bundles, grant.integration)
    is_same = aim.integration == grant.integration and aim.spec is not None
    return is_same and aim.spec is not None and aim.spec.role_of(person.name) == grant.role


def _is_due(store: Store, now: datetime) -> bool:
    requested = access_requests.c
    questions = (
        sa.select(requested.id).where(requested.state == "pending", requested.lapses_at <= now),
        sa.select(_GRANTS.id).where(_GRANTS.state.in_(LIVE), _GRANTS.ends_at <= now),
        sa.select(access_rechecks.c.name),
        _over(now),
    )
    with store.read() as connection:
        return any(connection.execute(each.limit(1)).first() is not None for each in questions)


def _lapse(transaction: Transaction, now: datetime) -> int:
    overdue = requests.overdue(transaction.connection, now, BATCH)
    for each in overdue:
        ending.withdraw(transaction, each, LAPSED, now=now, by=caller.SYSTEM)
    return len(overdue)


def _expire(transaction: Transaction, now: datetime) -> int:
    over = requests.grants(
        transaction.connection, _GRANTS.state.in_(LIVE), _GRANTS.ends_at <= now, most=BATCH
    )
    ended = [ending.end(transaction, each, EXPIRED, now=now) for each in list(over)]
    return len(ended)


def _recheck(transaction: Transaction, now: datetime) -> int:
    """Look at the grants that rest on what was touched, and whose account came to its end."""
    connection = transaction.connection
    count = 0
    for each in list(requests.grants(connection, _GRANTS.id.in_(_over(now)), most=BATCH)):
        count += 1
        ending.end(transaction, each, BLOCKED, now=now)
    touched = sa.select(access_rechecks).order_by(access_rechecks.c.kind, access_rechecks.c.name)
    for kind, name in connection.execute(touched.limit(BATCH)).all():
        ended, is_all = _settle(transaction, kind, name, now)
        count += ended + is_all
        if is_all:
            mine = (access_rechecks.c.kind == kind) & (access_rechecks.c.name == name)
            transaction.execute(sa.delete(access_rechecks).where(mine))
        if count >= BATCH:
            break
    return count


def _settle(transaction: Transaction, kind: str, name: str, now: datetime) -> tuple[int, bool]:
    """End what rests on something and is given no more; tell whether that was all."""
    ended = 0
    for each in _resting_on(transaction.connection, kind, name):
        why = why_not(transaction.connection, each, now)
        if why is not None:
            ending.end(transaction, each, why, now=now)
            ended += 1
            if ended >= BATCH:
                return ended, False
    return ended, True


def _resting_on(connection: Connection, kind: str, name: str) -> Iterator[Grant]:
    """Return the live grants that rest on a person or a resource."""
    columns = {
        directory.TOUCHED: _GRANTS.user_name,
        "Service": _GRANTS.service,
        "Integration": _GRANTS.integration,
        "AccessFlow": _GRANTS.flow,
    }
    live = _GRANTS.state.in_(LIVE)
    if kind in columns:
        yield from list(requests.grants(connection, columns[kind] == name, live))
    elif kind == "RoleBundle":
        # Their texts first: the database looks through those faster than we.
        likely = sa.cast(_GRANTS.rights, sa.Text).contains(f'"{name}"', autoescape=True)
        for each in list(requests.grants(connection, live, likely)):
            if name in each.rights.get("bundles", ()):
                yield each


def _over(now: datetime) -> sa.Select[tuple[str]]:
    """Select the live grants of people whose account came to its end by itself."""
    return (
        sa.select(_GRANTS.id)
        .join(users, users.c.name == _GRANTS.user_name)
        .where(users.c.valid_until <= now, _GRANTS.state.in_(LIVE))
    )
