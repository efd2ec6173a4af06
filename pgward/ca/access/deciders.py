"""Who decides about a request now: from the flow, the owners and the directory as they are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access import approvals
from pgward.access.approvals import Demand
from pgward.access.flows import Asked, Flow
from pgward.access.people import People, Person
from pgward.ca.access import declared
from pgward.ca.access.declared import Target
from pgward.ca.identity import directory
from pgward.ca.identity.directory import User
from pgward.ca.store.schema import group_members, users

MOST_TOLD = 500
"""Of the people who may decide; more are not told, and may decide all the same."""


@dataclass(frozen=True, slots=True)
class Deciders:
    """What must be fulfilled for one request."""

    asker: str
    demands: tuple[Demand, ...]

    def may(self, person: Person) -> bool:
        """Tell whether somebody may say yes or no."""
        return approvals.may_decide(self.demands, self.asker, person)

    def are_content(self, said_yes: Iterable[Person]) -> bool:
        """Tell whether these people's yes is enough."""
        return approvals.are_fulfilled(self.demands, self.asker, said_yes)

    def people(self, connection: Connection, now: datetime) -> list[Person]:
        """Return who may decide at this moment, by name; not more than ``MOST_TOLD``."""
        return [
            each
            for each in members(connection, [one.people for one in self.demands], now)
            if not each.is_called(self.asker)
        ][:MOST_TOLD]


def of(connection: Connection, flow: Flow, aim: Target, asker: str, asked: Asked) -> Deciders:
    """Return who decides about what somebody asks for."""
    owner = People() if aim.spec is None else aim.spec.owners()
    named = any(each.resource_owner for each in flow.approvals)
    owners = declared.owners(connection, aim, asked) if named else []
    return Deciders(asker, approvals.demands(flow.approvals, owner, owners))


def is_able(user: User | None, now: datetime) -> bool:
    """Tell whether somebody may do anything now: neither gone, nor blocked, nor over."""
    return user is not None and user.blocked_at is None and user.is_valid(now)


def person(connection: Connection, name: str, now: datetime) -> Person | None:
    """Return somebody who may do anything now, or None."""
    user = directory.find(connection, name)
    if user is None or not is_able(user, now):
        return None
    return as_person(user)


def as_person(user: User) -> Person:
    """Return somebody as flows see people."""
    return Person(user.name, frozenset(user.groups), user.email)


def members(connection: Connection, several: Sequence[People], now: datetime) -> list[Person]:
    """Return everyone whom any of these name and who may do anything now, by name."""
    names = sorted({name for each in several for name in each.users})
    groups = sorted({name for each in several for name in each.groups})
    of_groups = sa.select(group_members.c.user_name).where(group_members.c.group_name.in_(groups))
    statement = (
        sa.select(users.c.name, users.c.email)
        .where(
            sa.or_(users.c.name_key.in_(names), users.c.name.in_(of_groups)),
            users.c.blocked_at.is_(None),
            sa.or_(users.c.valid_from.is_(None), users.c.valid_from <= now),
            sa.or_(users.c.valid_until.is_(None), users.c.valid_until > now),
        )
        .order_by(users.c.name_key)
        .limit(MOST_TOLD + 1)
    )
    rows = connection.execute(statement).all()
    pairs = connection.execute(
        sa.select(group_members).where(
            group_members.c.group_name.in_(groups),
            group_members.c.user_name.in_([row.name for row in rows]),
        )
    )
    found: dict[str, set[str]] = {}
    for pair in pairs:
        found.setdefault(pair.user_name, set()).add(pair.group_name)
    return [Person(row.name, frozenset(found.get(row.name, ())), row.email) for row in rows]
