"""Ends that nobody asks for: times that are over, and grants that nothing gives any more.

A grant is only as good as what it rests on is now. What changes in the directory or among the
resources is noted in the transaction of the change (``Transaction.touch``); the leader looks at the
grants that rest on it, and at nothing else.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access import flows
from pgward.access.flows import Flow
from pgward.access.people import Person
from pgward.access.request_states import BLOCKED, EXPIRED, LAPSED, LIVE, REMOVED
from pgward.ca import caller
from pgward.ca.access import deciders, declared, ending, requests
from pgward.ca.access.declared import Target
from pgward.ca.access.requests import Grant
from pgward.ca.identity import directory
from pgward.ca.identity.directory import User
from pgward.ca.resources.access_flow import LONGEST
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
            some = _lapse(transaction, now) + _expire(transaction, now)
            some += _over_by_account(transaction, now)
        some += _recheck(store, begin, now)
        if not some:
            break
        done += some
    return done


class Checks:
    """Tells whether grants are given still; what several rest on is read once."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection, self._now = connection, now
        self._people: dict[str, User | None] = {}
        self._flows: dict[str, Flow | None] = {}
        self._targets: dict[str, Target | None] = {}
        self._bundles: dict[tuple[frozenset[str], str], bool] = {}

    def prepare(self, names: Collection[str]) -> None:
        """Read several people at once who are asked about next."""
        unknown = set(names) - self._people.keys()
        self._people |= directory.several(self._connection, unknown)

    def why_not(self, grant: Grant) -> str | None:
        """Return why somebody may not have what a live grant gives; None if they may."""
        if grant.user_name not in self._people:
            self._people[grant.user_name] = directory.find(self._connection, grant.user_name)
        user = self._people[grant.user_name]
        if user is None or user.name != grant.user_name:
            return REMOVED
        if not deciders.is_able(user, self._now):
            return BLOCKED
        try:
            gives = self._gives(grant, deciders.as_person(user))
        except InvalidInputError:
            return REMOVED
        return None if gives else REMOVED

    def _gives(self, grant: Grant, person: Person) -> bool:
        """Tell whether the flow, the service and the bundles of now give it."""
        flow, aim = self._flow(grant.flow), self._target(grant.service)
        if flow is None or aim is None or not flow.is_for(aim.service, aim.labels):
            return False
        asked = grant.asked
        if not flow.lets_ask(person, break_glass=grant.break_glass):
            return False
        if flows.uncovered(flow, asked) is not None:
            return False
        if grant.integration is None:
            return True
        if aim.integration != grant.integration or aim.spec is None:
            return False
        is_there = self._has_bundles(asked.bundles, grant.integration)
        return is_there and aim.spec.role_of(person.name) == grant.role

    def _flow(self, name: str) -> Flow | None:
        if name not in self._flows:
            self._flows[name] = declared.flow(self._connection, name)
        return self._flows[name]

    def _target(self, service: str) -> Target | None:
        if service not in self._targets:
            try:
                self._targets[service] = declared.target(self._connection, service)
            except NotFoundError:
                self._targets[service] = None
        return self._targets[service]

    def _has_bundles(self, names: frozenset[str], integration: str) -> bool:
        key = (names, integration)
        if key not in self._bundles:
            try:
                declared.check_bundles(self._connection, names, integration)
                self._bundles[key] = True
            except ConflictError:
                self._bundles[key] = False
        return self._bundles[key]


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


def _over_by_account(transaction: Transaction, now: datetime) -> int:
    """End the grants of people whose account came to its end."""
    connection = transaction.connection
    names = list(connection.execute(_over(now).limit(BATCH)).scalars())
    over = requests.grants(
        connection, _GRANTS.user_name.in_(names), _GRANTS.state.in_(LIVE), most=BATCH
    )
    return len([ending.end(transaction, each, BLOCKED, now=now) for each in list(over)])


def _recheck(store: Store, begin: Write, now: datetime) -> int:
    """Look at the grants that rest on what was touched; nobody waits for it but those it ends."""
    with store.read() as connection:
        touched = connection.execute(sa.select(access_rechecks).limit(BATCH)).all()
        checks = Checks(connection, now)
        lost = [
            each.id
            for kind, name, _ in touched
            for each in _prepared(checks, _resting_on(connection, kind, name))
            if checks.why_not(each) is not None
        ]
    ended = 0
    for start in range(0, len(lost), BATCH):
        with begin() as transaction:
            ended += _end_lost(transaction, lost[start : start + BATCH], now)
    if touched:
        with begin() as transaction:
            for kind, name, mark in touched:
                columns = access_rechecks.c
                seen = (columns.kind == kind) & (columns.name == name) & (columns.mark == mark)
                transaction.execute(sa.delete(access_rechecks).where(seen))
    return ended + len(touched)


def _prepared(checks: Checks, found: Iterator[Grant]) -> Iterator[Grant]:
    """Yield grants, whose people are read some at a time."""
    while some := list(islice(found, BATCH)):
        checks.prepare({each.user_name for each in some})
        yield from some


def _end_lost(transaction: Transaction, ids: Sequence[str], now: datetime) -> int:
    """End those that are given no more as things are now, when nothing can change meanwhile."""
    checks = Checks(transaction.connection, now)
    ended = 0
    found = requests.grants(transaction.connection, _GRANTS.id.in_(ids), _GRANTS.state.in_(LIVE))
    for each in list(found):
        why = checks.why_not(each)
        if why is not None:
            ending.end(transaction, each, why, now=now)
            ended += 1
    return ended


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
        yield from requests.grants(connection, columns[kind] == name, live)
    elif kind == "RoleBundle":
        # Their texts first: the database looks through those faster than we.
        likely = sa.cast(_GRANTS.rights, sa.Text).contains(f'"{name}"', autoescape=True)
        for each in requests.grants(connection, live, likely):
            if name in each.rights.get("bundles", ()):
                yield each


def _over(now: datetime) -> sa.Select[tuple[str]]:
    """Select the people with live grants whose account came to its end by itself.

    From the people on, who are few: no grant lives longer than since then.
    """
    lives = sa.exists().where(_GRANTS.user_name == users.c.name, _GRANTS.state.in_(LIVE))
    ended = (users.c.valid_until <= now, users.c.valid_until > now - LONGEST)
    return sa.select(users.c.name).where(*ended, lives)
