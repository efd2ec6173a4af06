"""People as administrators look for them: a page at a time, with how each may sign in."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.identity import directory, invitations
from pgward.ca.identity.directory import User
from pgward.ca.store.schema import group_members, users
from pgward.ca.store.schema_login import devices, totp_secrets, webauthn_credentials
from pgward.ca.store.schema_login import invitations as invitation_table


class Standing(StrEnum):
    """How somebody stands; who has no second factor, or an invitation, may be active besides."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    OUTSIDE = "outside"
    NO_FACTOR = "no-factor"
    INVITED = "invited"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to find: all that is given must match; ``text`` is in a name or an e-mail address."""

    text: str = ""
    standing: Standing | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, and how they may sign in; ``factors`` are second ones."""

    user: User
    factors: tuple[str, ...]
    last_seen_at: datetime | None
    invited_until: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some people by name; ``after`` leads to the next page, None from the last."""

    people: list[Person]
    after: str | None


def count(connection: Connection, wanted: Wanted, now: datetime) -> int:
    """Return how many there are."""
    counting = sa.select(sa.func.count()).select_from(users).where(*_chosen(wanted, now))
    return int(connection.execute(counting).scalar_one())


def page(
    connection: Connection, wanted: Wanted, now: datetime, *, limit: int, after: str | None = None
) -> Page:
    """Return up to ``limit`` people that come after a name."""
    key = users.c.name_key
    statement = sa.select(users.c.name).where(*_chosen(wanted, now)).order_by(key)
    if after is not None:
        statement = statement.where(key > after.lower())
    names = list(connection.execute(statement.limit(limit + 1)).scalars())
    more = names[limit - 1] if len(names) > limit else None
    return Page(_people(connection, names[:limit], now), more)


def group_sizes(connection: Connection) -> dict[str, int]:
    """Return how many members each group has, by name."""
    group = group_members.c.group_name
    counting = sa.select(group, sa.func.count()).group_by(group).order_by(group)
    return {name: int(number) for name, number in connection.execute(counting)}


def _people(connection: Connection, names: Sequence[str], now: datetime) -> list[Person]:
    found = directory.several(connection, names)
    factors = _factors(connection, names)
    seen = _last_seen(connection, names)
    open_ = invitations.living(connection, now, users=names)
    until = {each.user: each.expires_at for each in open_}
    return [
        Person(found[name], tuple(factors[name]), seen.get(name), until.get(name)) for name in names
    ]


def _factors(connection: Connection, names: Sequence[str]) -> Mapping[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    app, passkey = totp_secrets.c, webauthn_credentials.c
    with_app = sa.select(app.user_name).where(
        app.user_name.in_(names), app.confirmed_at.is_not(None)
    )
    with_key = sa.select(passkey.user_name).where(passkey.user_name.in_(names)).distinct()
    for kind, statement in (("totp", with_app), ("webauthn", with_key)):
        for name in connection.execute(statement).scalars():
            found[name].append(kind)
    return found


def _last_seen(connection: Connection, names: Sequence[str]) -> dict[str, datetime]:
    columns = devices.c
    last = sa.func.max(columns.last_seen_at, type_=columns.last_seen_at.type).label("last")
    statement = sa.select(columns.user_name, last).where(columns.user_name.in_(names))
    rows = connection.execute(statement.group_by(columns.user_name))
    return {row.user_name: row.last for row in rows}


def _chosen(wanted: Wanted, now: datetime) -> list[sa.ColumnElement[bool]]:
    columns = users.c
    found: list[sa.ColumnElement[bool]] = []
    if wanted.text:
        like = [
            each.icontains(wanted.text, autoescape=True)
            for each in (columns.name, columns.full_name, columns.email)
        ]
        found.append(sa.or_(*like))
    if wanted.group is not None:
        members = group_members.c
        inside = sa.select(members.user_name).where(members.group_name == wanted.group)
        found.append(columns.name.in_(inside))
    if wanted.standing is not None:
        found.append(_stands(wanted.standing, now))
    return found


def _stands(standing: Standing, now: datetime) -> sa.ColumnElement[bool]:
    columns = users.c
    outside = sa.or_(columns.valid_from > now, columns.valid_until <= now)
    match standing:
        case Standing.BLOCKED:
            return columns.blocked_at.is_not(None)
        case Standing.OUTSIDE:
            return outside
        case Standing.ACTIVE:  # of a date that is not there nothing is known, not even that
            return sa.and_(columns.blocked_at.is_(None), sa.not_(sa.func.coalesce(outside, False)))
        case Standing.NO_FACTOR:
            return sa.not_(sa.or_(_has(totp_secrets), _has(webauthn_credentials)))
        case Standing.INVITED:
            table = invitation_table.c
            return columns.name.in_(sa.select(table.user_name).where(table.expires_at > now))


def _has(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.exists().where(table.c.user_name == users.c.name)
