"""Who people are at identity providers, and which groups these gave them.

A person is known there by a subject, which never changes; names do. What a provider gave, and
only that, it takes away again: groups that somebody gave here stay.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.identity import directory
from pgward.ca.identity.directory import ADMINISTRATORS
from pgward.ca.store import Transaction
from pgward.ca.store.schema import login_sessions
from pgward.ca.store.schema_login import external_identities, provider_groups
from pgward.core.errors import ConflictError, NotFoundError


@dataclass(frozen=True, slots=True)
class Link:
    """Who a person is at a provider."""

    provider: str
    subject: str
    user: str
    linked_at: datetime
    linked_by: str
    last_login_at: datetime | None
    confirmed_at: datetime | None


def links(connection: Connection, provider: str, *, user: str | None = None) -> list[Link]:
    """Return a provider's people, or one of them, by name."""
    columns = external_identities.c
    statement = sa.select(external_identities).where(columns.provider == provider)
    if user is not None:
        statement = statement.where(columns.user_name == user)
    rows = connection.execute(statement.order_by(columns.user_name, columns.subject))
    return [_link(row) for row in rows]


def links_of(connection: Connection, user: str) -> list[Link]:
    """Return who a person is at all providers."""
    mine = external_identities.c.user_name == user
    rows = connection.execute(sa.select(external_identities).where(mine))
    return [_link(row) for row in rows]


def find(connection: Connection, provider: str, subject: str) -> Link | None:
    """Return whose subject it is, or None."""
    row = connection.execute(sa.select(external_identities).where(*_is(provider, subject)))
    found = row.one_or_none()
    return None if found is None else _link(found)


def link(
    transaction: Transaction, provider: str, subject: str, user: str, *, now: datetime, by: str
) -> Link:
    """Have a subject be a person; ConflictError when it is another's, or this person has one."""
    connection = transaction.connection
    name = directory.get(connection, user).name
    known = find(connection, provider, subject)
    if known is not None and known.user != name:
        raise ConflictError(
            f"that subject is {known.user!r} already",
            hint=f"pgward idp unlink {provider} {known.user}",
        )
    others = [each for each in links(connection, provider, user=name) if each.subject != subject]
    if others:
        raise ConflictError(
            f"{name!r} has another subject at {provider}",
            hint=f"pgward idp unlink {provider} {name}",
        )
    if known is None:
        row = {
            "provider": provider,
            "subject": subject,
            "user_name": name,
            "linked_at": now,
            "linked_by": by,
        }
        transaction.execute(sa.insert(external_identities).values(row))
    found = find(connection, provider, subject)
    assert found is not None  # noqa: S101 - written just above
    return found


def unlink(transaction: Transaction, provider: str, user: str) -> str:
    """Forget who a person is at a provider, with the groups that it gave; return the name."""
    name = directory.get(transaction.connection, user).name
    if not links(transaction.connection, provider, user=name):
        raise NotFoundError(f"{name!r} is not linked to {provider}")
    change_groups(transaction, provider, name, ())
    columns = external_identities.c
    chosen = (columns.provider == provider) & (columns.user_name == name)
    transaction.execute(sa.delete(external_identities).where(chosen))
    return name


def unlink_all(transaction: Transaction, provider: str) -> list[str]:
    """Forget all of a provider's people, with the groups that it gave; return their names."""
    people = {each.user for each in links(transaction.connection, provider)}
    for user in sorted(people):
        unlink(transaction, provider, user)
    return sorted(people)


def logged_in(transaction: Transaction, provider: str, subject: str, now: datetime) -> None:
    """Note when somebody logged in last."""
    statement = sa.update(external_identities).where(*_is(provider, subject))
    transaction.execute(statement.values(last_login_at=now, confirmed_at=now))


def confirmed(transaction: Transaction, provider: str, subject: str, now: datetime) -> None:
    """Note that the provider stands by somebody still."""
    statement = sa.update(external_identities).where(*_is(provider, subject))
    transaction.execute(statement.values(confirmed_at=now))


def given_groups(connection: Connection, provider: str, user: str) -> set[str]:
    """Return the groups that a provider gave a person."""
    columns = provider_groups.c
    chosen = (columns.provider == provider) & (columns.user_name == user)
    return set(connection.execute(sa.select(columns.group_name).where(chosen)).scalars())


def change_groups(
    transaction: Transaction,
    provider: str,
    user: str,
    wanted: Collection[str],
    *,
    is_locked_out: Callable[[Connection], bool] = lambda _: False,
) -> tuple[list[str], list[str]]:
    """Make ``wanted`` the groups that a provider gives; return those that came and went.

    The last administrator who is active and can log in stays one, whatever the provider says.
    """
    connection = transaction.connection
    now = set(directory.get(connection, user).groups)
    given = given_groups(connection, provider, user)
    come = set(wanted) - now
    # Another provider may give the same group.
    go = {each for each in given - set(wanted) if not _elsewhere(connection, provider, user, each)}
    go &= now
    kept: set[str] = set()
    if come or go:
        was_locked_out = ADMINISTRATORS not in go or is_locked_out(connection)
        try:
            directory.change_groups(transaction, user, (now | come) - go)
            locks_out = not was_locked_out and is_locked_out(connection)
        except ConflictError:
            locks_out = True
        if locks_out:
            kept = go & {ADMINISTRATORS}
            directory.change_groups(transaction, user, (now | come) - (go - kept))
    ours = come | (given & set(wanted)) | kept
    columns = provider_groups.c
    mine = (columns.provider == provider) & (columns.user_name == user)
    if ours != given:
        transaction.execute(sa.delete(provider_groups).where(mine))
        rows = [{"provider": provider, "user_name": user, "group_name": each} for each in ours]
        if rows:
            transaction.execute(sa.insert(provider_groups), rows)
    return sorted(come), sorted(go - kept)


def sessions_of(
    connection: Connection,
    provider: str,
    *,
    now: datetime,
    subject: str | None = None,
    sid: str | None = None,
    user: str | None = None,
) -> dict[str, list[str]]:
    """Return the living login sessions that a provider vouched for, by whose they are."""
    columns = login_sessions.c
    chosen = [columns.provider == provider, columns.ended_at.is_(None), columns.expires_at > now]
    for column, value in (
        (columns.provider_subject, subject),
        (columns.provider_sid, sid),
        (columns.user_name, user),
    ):
        if value is not None:
            chosen.append(column == value)
    found: dict[str, list[str]] = {}
    for id_, owner in connection.execute(sa.select(columns.id, columns.user_name).where(*chosen)):
        found.setdefault(owner, []).append(id_)
    return found


def _elsewhere(connection: Connection, provider: str, user: str, group: str) -> bool:
    columns = provider_groups.c
    chosen = (
        (columns.provider != provider) & (columns.user_name == user) & (columns.group_name == group)
    )
    return connection.execute(sa.select(columns.provider).where(chosen)).first() is not None


def _is(provider: str, subject: str) -> tuple[sa.ColumnElement[bool], ...]:
    columns = external_identities.c
    return (columns.provider == provider, columns.subject == subject)


def _link(row: sa.Row[tuple[object, ...]]) -> Link:
    found = row._mapping  # noqa: SLF001 - public in SQLAlchemy
    return Link(
        provider=found["provider"],
        subject=found["subject"],
        user=found["user_name"],
        linked_at=found["linked_at"],
        linked_by=found["linked_by"],
        last_login_at=found["last_login_at"],
        confirmed_at=found["confirmed_at"],
    )
