"""Every kind of resource, wherever it is kept: people and groups are the directory's.

Of those ``version`` is no number that grows but a fingerprint of what they are: whoever changes
them, by whatever way, it is another one then.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.identity import directory
from pgward.ca.resources import kinds, stored
from pgward.ca.resources.stored import Resource
from pgward.ca.store.schema import group_members
from pgward.core.clock import rfc3339
from pgward.core.errors import NotFoundError

PEOPLE = frozenset({"User", "Group"})
_MODULUS = 999_999_999
_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


def find(connection: Connection, kind: str, name: str) -> Resource | None:
    """Return a resource, or None."""
    if kind == "User":
        found = directory.find(connection, name)
        return None if found is None else _user(found)
    if kind == "Group":
        members = _members(connection, name)
        return _group(name, members) if members else None
    return stored.find(connection, kind, name)


def get(connection: Connection, kind: str, name: str) -> Resource:
    """Return a resource; raise NotFoundError."""
    found = find(connection, kind, name)
    if found is None:
        raise NotFoundError(f"there is no {kind} {name!r}", hint=f"pgward get {kinds.plural(kind)}")
    return found


def every(connection: Connection, kind: str) -> list[Resource]:
    """Return all resources of a kind by name."""
    if kind == "User":
        return [_user(each) for each in directory.everyone(connection)]
    if kind == "Group":
        return [_group(name, members) for name, members in directory.groups(connection).items()]
    return stored.every(connection, kind)


def page(connection: Connection, kind: str, after: str, limit: int) -> list[Resource]:
    """Return up to so many resources of a kind by name, those behind a name."""
    if kind not in PEOPLE:
        return stored.page(connection, kind, after, limit)
    found = sorted(every(connection, kind), key=lambda each: each.name)
    return [each for each in found if each.name > after][:limit]


def fingerprint(spec: dict[str, Any]) -> int:
    """Return a number of nine digits at most that is another one for another spec."""
    text = json.dumps(spec, sort_keys=True).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % _MODULUS + 1


def _members(connection: Connection, group: str) -> list[str]:
    columns = group_members.c
    mine = sa.select(columns.user_name).where(columns.group_name == group)
    return list(connection.execute(mine.order_by(columns.user_name)).scalars())


def _user(user: directory.User) -> Resource:
    spec: dict[str, Any] = {
        "fullName": user.full_name,
        "email": user.email,
        "groups": sorted(user.groups),
    }
    for name, moment in (("validFrom", user.valid_from), ("validUntil", user.valid_until)):
        if moment is not None:
            spec[name] = rfc3339(moment)
    made = (user.created_at, user.created_by)
    return Resource("User", user.name, "", spec, fingerprint(spec), *made, _UNKNOWN, "")


def _group(name: str, members: Iterable[str]) -> Resource:
    spec = {"members": sorted(members)}
    nobody = (_UNKNOWN, "")
    return Resource("Group", name, "", spec, fingerprint(spec), *nobody, *nobody)
