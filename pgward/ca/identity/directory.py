"""The directory: people and their groups.

Names keep the case they were given and are unique without regard to it. A group exists
while it has members; ``administrators`` is reserved and never loses its last active member.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.resources import account_names
from pgward.ca.store import Transaction
from pgward.ca.store.schema import group_members, users
from pgward.core import names
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError

ADMINISTRATORS = "administrators"
AUDITORS = "auditors"  # who may read what was put on record, and change nothing
TOUCHED = "user"
"""What a transaction calls people of whom it changed something that access may rest on."""
_MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class User:
    """A person, without the password."""

    name: str
    full_name: str
    email: str
    groups: tuple[str, ...]
    blocked_at: datetime | None
    blocked_reason: str | None
    created_at: datetime
    created_by: str
    password_changed_at: datetime | None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    must_change_password: bool = False

    def is_valid(self, now: datetime) -> bool:
        """Tell whether now is within the account's dates."""
        begun = self.valid_from is None or now >= self.valid_from
        return begun and (self.valid_until is None or now < self.valid_until)

    @property
    def administrator(self) -> bool:
        """Whether this person may administer the authority."""
        return ADMINISTRATORS in self.groups


@dataclass(frozen=True, slots=True)
class NewUser:
    """What is needed to add a person; ``password_hash`` None means no password login yet."""

    name: str
    full_name: str = ""
    email: str = ""
    groups: Collection[str] = ()
    password_hash: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    must_change_password: bool = False


def find(connection: Connection, name: str) -> User | None:
    """Return the person of this name, whatever its case, or None."""
    row = connection.execute(sa.select(users).where(_is(name))).one_or_none()
    if row is None:
        return None
    members = group_members.c
    groups = sa.select(members.group_name).where(members.user_name == row.name)
    return _user(row, connection.execute(groups).scalars())


def several(connection: Connection, names_: Collection[str]) -> dict[str, User]:
    """Return those of these people, by exact names, that there are."""
    if not names_:
        return {}
    memberships = defaultdict(list)
    statement = sa.select(group_members).where(group_members.c.user_name.in_(names_))
    for group, member in connection.execute(statement):
        memberships[member].append(group)
    rows = connection.execute(sa.select(users).where(users.c.name.in_(names_)))
    return {row.name: _user(row, memberships[row.name]) for row in rows}


def get(connection: Connection, name: str) -> User:
    """Return the person of this name; raise NotFoundError."""
    user = find(connection, name)
    if user is None:
        raise NotFoundError(f"there is no user {name!r}", hint="pgward user list")
    return user


def everyone(connection: Connection) -> list[User]:
    """Return all people by name."""
    memberships = defaultdict(list)
    for group, member in connection.execute(sa.select(group_members)):
        memberships[member].append(group)
    rows = connection.execute(sa.select(users).order_by(users.c.name_key))
    return [_user(row, memberships[row.name]) for row in rows]


def is_member(connection: Connection, group: str, user: str) -> bool:
    """Tell whether a person, by exact name, is a member of a group."""
    members = group_members.c
    pair = (members.group_name == group) & (members.user_name == user)
    return connection.execute(sa.select(members.user_name).where(pair)).first() is not None


def administrators(connection: Connection) -> list[User]:
    """Return all administrators by name."""
    members = group_members.c
    statement = sa.select(members.user_name).where(members.group_name == ADMINISTRATORS)
    names_ = connection.execute(statement.order_by(members.user_name)).scalars()
    return [get(connection, name) for name in names_]


def password_hash(connection: Connection, name: str) -> str | None:
    """Return the hash of the person's password; None when there is no person or no password."""
    statement = sa.select(users.c.password_hash).where(_is(name))
    found: str | None = connection.execute(statement).scalar_one_or_none()
    return found


def add(transaction: Transaction, new: NewUser, *, now: datetime, by: str) -> User:
    """Add a person; raise InvalidInputError, or ConflictError when the name is taken."""
    name = names.new_identity(new.name)
    existing = find(transaction.connection, name)
    if existing is not None:
        raise ConflictError(f"there is a user {existing.name!r} already")
    account_names.check_person(transaction.connection, name)
    row = {
        "name": name,
        "name_key": name.lower(),
        "full_name": _line("full name", new.full_name),
        "email": _line("e-mail", new.email),
        "password_hash": new.password_hash,
        "password_changed_at": now if new.password_hash else None,
        "created_at": now,
        "created_by": by,
        "must_change_password": new.must_change_password,
        **_dates(new.valid_from, new.valid_until),
    }
    transaction.execute(sa.insert(users).values(row))
    # Edges know this name as a removed person's, or in the case that a service gave it.
    transaction.changed()
    change_groups(transaction, name, new.groups)
    return get(transaction.connection, name)


def update(
    transaction: Transaction,
    name: str,
    *,
    full_name: str | None = None,
    email: str | None = None,
    groups: Collection[str] | None = None,
) -> User:
    """Change what is not None; raise NotFoundError, InvalidInputError, ConflictError."""
    user = get(transaction.connection, name)
    changes: dict[str, Any] = {}
    if full_name is not None:
        changes["full_name"] = _line("full name", full_name)
    if email is not None:
        changes["email"] = _line("e-mail", email)
    if changes:
        _change(transaction, user.name, changes)
    if groups is not None:
        change_groups(transaction, user.name, groups)
    return get(transaction.connection, user.name)


def set_validity(
    transaction: Transaction, user: User, dates: Mapping[str, datetime | None], *, now: datetime
) -> User:
    """Set ``valid_from`` and ``valid_until`` where given; None takes one away.

    ConflictError when no administrator would be left whose account has begun and does not end.
    """
    wanted = {"valid_from": user.valid_from, "valid_until": user.valid_until} | dict(dates)
    _change(transaction, user.name, _dates(wanted["valid_from"], wanted["valid_until"]))
    if user.administrator:
        _keep_an_administrator(transaction, f"{user.name!r} cannot be given these dates", now)
    transaction.changed()
    transaction.touch(TOUCHED, user.name)
    return get(transaction.connection, user.name)


def set_must_change(transaction: Transaction, user: User, must_change: bool) -> User:
    """Say whether the password must be changed at the next login with it."""
    _change(transaction, user.name, {"must_change_password": must_change})
    return get(transaction.connection, user.name)


def set_password(
    transaction: Transaction,
    name: str,
    encoded: str,
    *,
    now: datetime,
    changed: bool = True,
    must_change: bool = False,
) -> User:
    """Store a new hash; ``changed`` False when it is the same password hashed anew."""
    user = get(transaction.connection, name)
    news: dict[str, Any] = {"password_hash": encoded}
    if changed:
        news |= {"password_changed_at": now, "must_change_password": must_change}
    _change(transaction, user.name, news)
    return get(transaction.connection, user.name)


def block(transaction: Transaction, name: str, reason: str, *, now: datetime) -> User:
    """Block a person; ConflictError for the last administrator. Blocking again is fine."""
    user = get(transaction.connection, name)
    changes = {"blocked_at": user.blocked_at or now, "blocked_reason": _line("reason", reason)}
    _change(transaction, user.name, changes)
    _keep_an_administrator(transaction, f"{user.name!r} cannot be blocked")
    transaction.changed()
    transaction.touch(TOUCHED, user.name)
    return get(transaction.connection, user.name)


def unblock(transaction: Transaction, name: str) -> User:
    """Let a person in again."""
    user = get(transaction.connection, name)
    _change(transaction, user.name, {"blocked_at": None, "blocked_reason": None})
    transaction.changed()
    return get(transaction.connection, user.name)


def remove(transaction: Transaction, name: str) -> User:
    """Remove a person and their memberships; ConflictError for the last administrator."""
    user = get(transaction.connection, name)
    transaction.execute(sa.delete(group_members).where(group_members.c.user_name == user.name))
    transaction.execute(sa.delete(users).where(users.c.name == user.name))
    _keep_an_administrator(transaction, f"{user.name!r} cannot be removed")
    transaction.changed()
    transaction.touch(TOUCHED, user.name)
    return user


def groups(connection: Connection) -> dict[str, list[str]]:
    """Return the members of each group, both sorted."""
    statement = sa.select(group_members).order_by(
        group_members.c.group_name, group_members.c.user_name
    )
    found: dict[str, list[str]] = {}
    for group, member in connection.execute(statement):
        found.setdefault(group, []).append(member)
    return found


def change_groups(transaction: Transaction, user: str, wanted: Collection[str]) -> None:
    """Make ``wanted`` the groups of a person (by exact name)."""
    members = group_members.c
    statement = sa.select(members.group_name).where(members.user_name == user)
    found = set(transaction.execute(statement).scalars())
    _join(transaction, [(group, user) for group in set(wanted) - found])
    _leave(transaction, [(group, user) for group in found - set(wanted)])


def change_members(
    transaction: Transaction, group: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> list[str]:
    """Add and remove members; return those that there are now. Raises NotFoundError."""
    names.resource_name(group, what="group")
    joining = {get(transaction.connection, name).name for name in add}
    leaving = {get(transaction.connection, name).name for name in remove}
    if joining & leaving:
        raise InvalidInputError(f"{min(joining & leaving)!r} is both added and removed")
    now = set(groups(transaction.connection).get(group, []))
    _join(transaction, [(group, name) for name in joining - now])
    _leave(transaction, [(group, name) for name in leaving & now])
    return groups(transaction.connection).get(group, [])


def _join(transaction: Transaction, pairs: Sequence[tuple[str, str]]) -> None:
    rows = [
        {"group_name": names.resource_name(group, what="group"), "user_name": user}
        for group, user in pairs
    ]
    if rows:
        transaction.execute(sa.insert(group_members), rows)
        transaction.changed()


def _leave(transaction: Transaction, pairs: Sequence[tuple[str, str]]) -> None:
    members = group_members.c
    for group, user in pairs:
        pair = (members.group_name == group) & (members.user_name == user)
        transaction.execute(sa.delete(group_members).where(pair))
        transaction.changed()
        transaction.touch(TOUCHED, user)
        if group == ADMINISTRATORS:
            _keep_an_administrator(transaction, f"{user!r} must stay in {ADMINISTRATORS}")


def _keep_an_administrator(
    transaction: Transaction, otherwise: str, now: datetime | None = None
) -> None:
    """Raise ConflictError unless one is left who is not blocked, and whose account does not end."""
    columns = users.c
    active = (
        sa.select(sa.func.count())
        .select_from(group_members.join(users, columns.name == group_members.c.user_name))
        .where(
            group_members.c.group_name == ADMINISTRATORS,
            columns.blocked_at.is_(None),
            columns.valid_until.is_(None),
        )
    )
    if now is not None:
        active = active.where(sa.or_(columns.valid_from.is_(None), columns.valid_from <= now))
    if transaction.execute(active).scalar_one() == 0:
        raise ConflictError(
            f"{otherwise}: no active administrator would be left",
            hint=f"add another person to the group {ADMINISTRATORS} first",
        )


def _is(name: str) -> sa.ColumnElement[bool]:
    """Match this name in any case; beyond ASCII other letters have a k in lower case."""
    return users.c.name_key == name.lower() if name.isascii() else sa.false()


def _change(transaction: Transaction, name: str, values: dict[str, Any]) -> None:
    transaction.execute(sa.update(users).where(users.c.name == name).values(values))


def _dates(first: datetime | None, last: datetime | None) -> dict[str, datetime | None]:
    if first is not None and last is not None and first >= last:
        raise InvalidInputError("the account would end before it begins")
    return {"valid_from": first, "valid_until": last}


def _line(what: str, text: str) -> str:
    if len(text) > _MAX_TEXT or not text.isprintable():
        raise InvalidInputError(
            f"the {what} is not one line of at most {_MAX_TEXT} printable letters"
        )
    return text


def _user(row: sa.Row[Any], groups: Iterable[str]) -> User:
    return User(
        name=row.name,
        full_name=row.full_name,
        email=row.email,
        groups=tuple(sorted(groups)),
        blocked_at=row.blocked_at,
        blocked_reason=row.blocked_reason,
        created_at=row.created_at,
        created_by=row.created_by,
        password_changed_at=row.password_changed_at,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        must_change_password=row.must_change_password,
    )
