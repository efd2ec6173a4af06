"""Since when a right is there, and when it was last used, as far as anything tells.

Use is what edges tell of database sessions, and PostgreSQL hosts of logins; that of somebody who
gets in by several paths counts for each. Of flows it is the last request, of breaking the glass the
last such one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.resources import history, stored
from pgward.ca.resources.history import Version
from pgward.ca.reviews import last_uses
from pgward.ca.reviews.rights import ALLOW, FLOW, GLASS, GRANT, ROLE_MAP, Right, Rights
from pgward.ca.store.schema_access import access_requests
from pgward.ca.store.schema_archive import database_sessions

_MOST_VERSIONS = 200
_SESSIONS = database_sessions.c
_REQUESTS = access_requests.c

# A page needs it fifty times, and SQLAlchemy takes longer to build a statement than to run it.
_ASKED = (
    sa.select(_REQUESTS.user_name, sa.func.max(_REQUESTS.created_at))
    .where(
        _REQUESTS.service == sa.bindparam("of_service"),
        _REQUESTS.flow == sa.bindparam("of_flow"),
        _REQUESTS.break_glass == sa.bindparam("of_glass"),
    )
    .group_by(_REQUESTS.user_name)
)


class Uses:
    """What is known of the use of rights, remembered for one page of the report."""

    def __init__(self, connection: Connection, rights: Rights) -> None:
        self._connection, self._members = connection, rights.members
        self._hosts: dict[str, dict[str, datetime]] = {}
        self._sessions: dict[str, dict[str, datetime]] = {}
        self._requests: dict[tuple[str, str, bool], dict[str, datetime]] = {}
        self._has_own = False
        self._since: dict[tuple[str, ...], datetime | None] = {}
        self._versions: dict[tuple[str, str], list[Version]] = {}

    def is_recorded(self, right: Right) -> bool:
        """Tell whether its use would be known for sure: it is a way in that edges keep."""
        return right.path in {ALLOW, GRANT} and right.service is not None

    def last(self, right: Right) -> datetime | None:
        """Return when it was last used; of a group, when the last of its members did."""
        found = self._found(right)
        if right.user is not None:
            last = found.get(right.user)
        else:
            used = found.keys() & self._members.set_of(right.group or "") if found else ()
            last = max((found[each] for each in used), default=None)
        begun = right.since if right.path == GRANT else None
        return None if last is None or (begun is not None and last < begun) else last

    def _found(self, right: Right) -> dict[str, datetime]:
        """Return when each person last used it, or another way to the same place."""
        if right.path in {ALLOW, GRANT} and right.service is not None:
            return self._of_service(right.service)
        if right.path in {FLOW, GLASS} and right.service is not None:
            return self._of_flow(right.service, right.resource[1], glass=right.path == GLASS)
        if right.path == ROLE_MAP and right.host is not None:
            return self._of_host(right.host)
        return {}

    def since(self, right: Right) -> datetime | None:
        """Return since when at the latest; a person may be in the group for less long."""
        if right.path not in {ALLOW, FLOW, GLASS}:
            return right.since
        key = (*right.resource, right.path, right.group or "", "" if right.group else _key(right))
        if key not in self._since:
            self._since[key] = self._found_since(right)
        return self._since[key]

    def _found_since(self, right: Right) -> datetime | None:
        kind, name = right.resource
        if (kind, name) not in self._versions:
            found = history.of(self._connection, kind, name, limit=_MOST_VERSIONS)
            self._versions[kind, name] = found
        since = None
        for version in self._versions[kind, name]:
            if version.spec is None or not _names(right, version.spec):
                return since
            since = version.changed_at
        if since is not None:
            return since
        resource = stored.find(self._connection, kind, name)
        return None if resource is None else resource.updated_at

    def _of_service(self, service: str) -> dict[str, datetime]:
        if service not in self._sessions:
            chosen = (
                sa.select(_SESSIONS.user_name, sa.func.max(_SESSIONS.started_at))
                .where(_SESSIONS.service == service)
                .group_by(_SESSIONS.user_name)
            )
            if self._members.user is not None:
                chosen = chosen.where(_SESSIONS.user_name == self._members.user)
            found = last_uses.at(self._connection, last_uses.SERVICE, service, self._members.user)
            for name, when in _pairs(self._connection, chosen).items():
                found[name] = max(when, found.get(name, when))
            self._sessions[service] = found
        return self._sessions[service]

    def _of_host(self, host: str) -> dict[str, datetime]:
        if host not in self._hosts:
            user = self._members.user
            self._hosts[host] = last_uses.at(self._connection, last_uses.HOST, host, user)
        return self._hosts[host]

    def _of_flow(self, service: str, flow: str, *, glass: bool) -> dict[str, datetime]:
        key = (service, flow, glass)
        if self._members.user is not None:
            return self._own_requests(self._members.user).get(key, {})
        if key not in self._requests:
            given = {"of_service": service, "of_flow": flow, "of_glass": glass}
            rows = self._connection.execute(_ASKED, given)
            self._requests[key] = {row[0]: row[1] for row in rows}
        return self._requests[key]

    def _own_requests(self, user: str) -> dict[tuple[str, str, bool], dict[str, datetime]]:
        """Return all that one person asked for: a few, where they may ask for much."""
        if not self._has_own:
            of = (_REQUESTS.service, _REQUESTS.flow, _REQUESTS.break_glass)
            chosen = sa.select(*of, sa.func.max(_REQUESTS.created_at)).group_by(*of)
            rows = self._connection.execute(chosen.where(_REQUESTS.user_name == user))
            self._requests = {(row[0], row[1], row[2]): {user: row[3]} for row in rows}
            self._has_own = True
        return self._requests


def _pairs(connection: Connection, chosen: sa.Select[Any]) -> dict[str, datetime]:
    return {name: when for name, when in connection.execute(chosen) if name is not None}


def _names(right: Right, spec: Mapping[str, Any]) -> bool:
    """Tell whether a version of the resource gives the right by the same name or group."""
    people: Mapping[str, Any] = spec.get("allow") or {}
    if right.path == FLOW:
        people = spec.get("who") or {}
    elif right.path == GLASS:
        people = (spec.get("breakGlass") or {}).get("who") or {}
    if right.group is not None:
        return right.group in (people.get("groups") or ())
    return _key(right) in {each.lower() for each in people.get("users") or ()}


def _key(right: Right) -> str:
    return (right.user or "").lower()
