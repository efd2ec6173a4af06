"""Whether a right of a review is still there: looked up by what it rests on."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access.request_states import LIVE
from pgward.ca.access import declared
from pgward.ca.catalog import searching
from pgward.ca.identity import directory
from pgward.ca.resources import stored
from pgward.ca.reviews import edits
from pgward.ca.reviews.campaigns import Item
from pgward.ca.reviews.rights import (
    ADMINISTRATOR,
    ALLOW,
    CONNECTOR,
    FLOW,
    GLASS,
    GRANT,
    ROLE_MAP,
    SERVER_ROLE,
)
from pgward.ca.store.schema_access import access_grants
from pgward.core.errors import NotFoundError

_GRANTS = access_grants.c
_CHUNK = 500


class Standing:
    """What is there in one reading of the store; each resource is read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._specs: dict[tuple[str, str], Mapping[str, Any] | None] = {}
        self._members: dict[tuple[str, str], bool] = {}
        self._live: dict[str, bool] = {}
        self._flows: dict[tuple[str, str | None], bool] = {}
        self._ways: Mapping[str, Callable[[Item], bool]] = {
            ALLOW: lambda item: self._names(item, self._spec(item).get("allow")),
            FLOW: self._asks,
            GLASS: self._asks,
            GRANT: self._granted,
            ROLE_MAP: self._mapped,
            SERVER_ROLE: self._logs_in,
            CONNECTOR: lambda item: self._spec(item).get("user") == item.role,
            ADMINISTRATOR: self._is_member,
        }

    def prepare(self, items: Iterable[Item]) -> None:
        """Look up the grants of several rights at once, which are asked about next."""
        ids = [each.reference for each in items if each.reference is not None]
        for start in range(0, len(ids), _CHUNK):
            some = ids[start : start + _CHUNK]
            live = sa.select(_GRANTS.id).where(_GRANTS.id.in_(some), _GRANTS.state.in_(LIVE))
            found = set(self._connection.execute(live).scalars())
            self._live |= {each: each in found for each in some}

    def has(self, item: Item) -> bool:
        """Tell whether the right is there."""
        return self._ways[item.path](item)

    def _names(self, item: Item, people: Mapping[str, Any] | None) -> bool:
        return edits.names(people, item.user_name, item.group_name) and self._is_member(item)

    def _is_member(self, item: Item) -> bool:
        """Tell whether a person who comes in as a member of a group still is one."""
        user, group = item.user_name, item.group_name
        if user is None or group is None:
            return True
        if (group, user) not in self._members:
            found = directory.is_member(self._connection, group, user)
            self._members[group, user] = found
        return self._members[group, user]

    def _asks(self, item: Item) -> bool:
        key = (item.resource_name, item.service)
        if key not in self._flows:
            self._flows[key] = self._is_for(*key)
        return self._flows[key] and self._names(item, who(self._spec(item), item.path))

    def _is_for(self, name: str, service: str | None) -> bool:
        """Tell whether a flow is there, and for a service."""
        flow = declared.flow(self._connection, name)
        try:
            aim = declared.target(self._connection, service or "")
        except NotFoundError:
            return False
        return flow is not None and flow.is_for(aim.service, aim.labels)

    def _granted(self, item: Item) -> bool:
        reference = item.reference or ""
        if reference not in self._live:
            self.prepare([item])
        return self._live[reference]

    def _mapped(self, item: Item) -> bool:
        spec = self._spec(item)
        if set(item.hosts).isdisjoint(spec.get("hosts") or ()) or not self._is_member(item):
            return False
        return edits.is_mapped(spec, item.role or "", item.user_name, item.group_name)

    def _logs_in(self, item: Item) -> bool:
        found = searching.role(self._connection, item.integration or "", item.role or "")
        return found is not None and bool(found["attributes"].get("login"))

    def _spec(self, item: Item) -> Mapping[str, Any]:
        key = (item.resource_kind, item.resource_name)
        if key not in self._specs:
            found = stored.find(self._connection, *key)
            self._specs[key] = None if found is None else found.spec
        return self._specs[key] or {}


def who(spec: Mapping[str, Any], path: str) -> Mapping[str, Any] | None:
    """Return who may ask by a flow, or break its glass."""
    found = spec if path == FLOW else spec.get("breakGlass") or {}
    people: Mapping[str, Any] | None = found.get("who")
    return people
