"""Who reviews which right, as owners, tags and groups are now.

The owners of the integration, and whom its owner tag names; where a grant gives rights on objects
with owners of their own, those, too. Administrators may review all, and what nobody owns is
theirs. Nobody reviews a right of their own, be it by name or as a member of the group that has it.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access import tags
from pgward.access.flows import Asked
from pgward.access.people import People, Person
from pgward.ca.access import deciders, declared
from pgward.ca.access.declared import Target
from pgward.ca.identity import directory
from pgward.ca.resources import stored
from pgward.ca.reviews.campaigns import Item
from pgward.ca.reviews.rights import ADMINISTRATOR, GRANT
from pgward.ca.store.schema_access import access_grants
from pgward.core.errors import NotFoundError

ADMINISTRATORS = People.of(groups=[directory.ADMINISTRATORS])
NOBODY = People()
_GRANTS = access_grants.c
_CHUNK = 500


class Reviewers:
    """Who reviews, worked out once for a whole list."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection, self._now = connection, now
        self._owners: dict[tuple[str | None, ...], People] = {}
        self._rights: dict[str, Mapping[str, Any] | None] = {}
        self._targets: dict[str, Target | None] = {}
        self._pools: dict[People, list[Person]] = {}
        self._servers: dict[str, list[str]] | None = None

    def prepare(self, items: Iterable[Item]) -> None:
        """Read what several grants give, which are asked about next."""
        ids = [each.reference for each in items if each.reference is not None]
        for start in range(0, len(ids), _CHUNK):
            some = ids[start : start + _CHUNK]
            rights = sa.select(_GRANTS.id, _GRANTS.rights).where(_GRANTS.id.in_(some))
            found = {row.id: row.rights for row in self._connection.execute(rights)}
            self._rights |= {each: found.get(each) for each in some}

    def may(self, person: Person, item: Item, *, is_admin: bool) -> bool:
        """Tell whether somebody reviews a right."""
        if is_own(person, item):
            return False
        return is_admin or self.owners(item).names(person)

    def of(self, item: Item) -> list[Person]:
        """Return who reviews it: owners, or administrators where no owner can; by name."""
        for people in (self.owners(item), ADMINISTRATORS):
            found = [each for each in self._pool(people) if not is_own(each, item)]
            if found:
                return found
        return []

    def owners(self, item: Item) -> People:
        """Return those whose right it is to say; nobody, where that is administrators only."""
        if item.path == ADMINISTRATOR:
            return NOBODY
        key = (item.service, item.integration, *item.hosts)
        if key not in self._owners:
            self._owners[key] = self._found(item)
        owners = self._owners[key]
        return owners | self._of_objects(item) if item.path == GRANT else owners

    def is_shared(self, item: Item) -> bool:
        """Tell whether what gives a right also gives what others own, as it is now."""
        if item.resource_kind == "RoleMap":
            found = stored.find(self._connection, "RoleMap", item.resource_name)
            now = () if found is None else found.spec.get("hosts") or ()
            return len({*item.hosts, *now}) > 1
        if item.resource_kind == "AccessFlow" and item.path != GRANT:
            flow = declared.flow(self._connection, item.resource_name)
            return flow is not None and flow.services != {item.service}
        return False

    def _found(self, item: Item) -> People:
        if item.service is not None:
            aim = self._target(item.service)
            return NOBODY if aim is None else self._of_target(aim)
        if item.integration is not None:
            return self._of_server(item.integration)
        owners = [
            self._of_server(name)
            for host in item.hosts[:1]
            for name in self._on_host(host)
            if len(item.hosts) == 1
        ]
        return next((each for each in owners if len(owners) == 1), NOBODY)

    def _of_target(self, aim: Target) -> People:
        if aim.spec is not None:
            return self._of_spec(aim)
        named = aim.labels.get(tags.OWNER)
        return declared.called(self._connection, named)

    def _of_server(self, name: str) -> People:
        spec = declared.integration(self._connection, name)
        return NOBODY if spec is None else self._of_spec(Target("", {}, name, spec))

    def _of_spec(self, aim: Target) -> People:
        owners = NOBODY if aim.spec is None else aim.spec.owners()
        return reduce(or_, declared.owners(self._connection, aim, Asked()), owners)

    def _of_objects(self, item: Item) -> People:
        """Return who owns what a grant gives."""
        aim = None if item.service is None else self._target(item.service)
        if aim is None or aim.spec is None or not aim.spec.object_tags:
            return NOBODY
        reference = item.reference or ""
        if reference not in self._rights:
            self.prepare([item])
        rights = self._rights.get(reference)
        if rights is None:
            return NOBODY
        key = (aim.service, json.dumps(rights, sort_keys=True))
        if key not in self._owners:  # many have the same
            found = declared.owners(self._connection, aim, Asked.read(rights))
            self._owners[key] = reduce(or_, found, NOBODY)
        return self._owners[key]

    def _target(self, service: str) -> Target | None:
        if service not in self._targets:
            try:
                self._targets[service] = declared.target(self._connection, service)
            except NotFoundError:
                self._targets[service] = None
        return self._targets[service]

    def _on_host(self, host: str) -> list[str]:
        """Return the integrations of servers on a PostgreSQL host."""
        if self._servers is None:
            self._servers = {}
            for each in stored.every(self._connection, "Integration"):
                for name in each.spec.get("hosts") or ():
                    self._servers.setdefault(name, []).append(each.name)
        return self._servers.get(host, [])

    def _pool(self, people: People) -> list[Person]:
        if people not in self._pools:
            found = deciders.members(self._connection, [people], self._now) if people else []
            self._pools[people] = self._with_groups(found)
        return self._pools[people]

    def _with_groups(self, found: list[Person]) -> list[Person]:
        """Return people with all their groups: of a right of one of them, they review nothing."""
        users = directory.several(self._connection, {each.name for each in found})
        return [deciders.as_person(users[each.name]) for each in found if each.name in users]


def is_own(person: Person, item: Item) -> bool:
    """Tell whether a right is somebody's own."""
    if item.user_name is not None:
        return person.is_called(item.user_name)
    return item.group_name is not None and item.group_name in person.groups
