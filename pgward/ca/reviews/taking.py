"""Taking a right away that a reviewer ended, where pgward can; else saying what is in the way.

What gives more than the right that was looked at (a group, a flow for several services, a role map
of several hosts) only administrators take away; for others it is noted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pgward.access.request_states import REVOKED
from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.access import ending, requests
from pgward.ca.identity import directory
from pgward.ca.login import lockout
from pgward.ca.resources import kinds, stored
from pgward.ca.resources.fields import FieldsError
from pgward.ca.reviews import edits
from pgward.ca.reviews.campaigns import Item
from pgward.ca.reviews.reviewers import Reviewers
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
from pgward.ca.reviews.standing import who
from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import provider_groups

Obstacle = str | None
Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taking:
    """One reviewer's taking away, in one transaction."""

    transaction: Transaction
    reviewers: Reviewers
    by: str
    is_admin: bool
    now: datetime

    def take(self, item: Item, note: str) -> Obstacle:
        """Take a right away that is there; return what is in the way, if anything is.

        Raises ConflictError where nobody may: the last administrator stays.
        """
        ways: Mapping[str, Callable[[Item, str], Obstacle]] = {
            ALLOW: self._allow,
            FLOW: self._ask,
            GLASS: self._ask,
            GRANT: self._grant,
            ROLE_MAP: self._map,
            ADMINISTRATOR: self._membership,
            SERVER_ROLE: _server_role,
            CONNECTOR: _connector,
        }
        through_a_group = item.user_name is not None and item.group_name is not None
        if through_a_group and item.path in {ALLOW, FLOW, GLASS, ROLE_MAP}:
            return self._membership(item, note)
        if not self.is_admin and self.reviewers.is_shared(item):
            thing = f"{item.resource_kind} {item.resource_name!r}"
            return f"{thing} gives it elsewhere, too: an administrator has to end it"
        return ways[item.path](item, note)

    def _grant(self, item: Item, note: str) -> Obstacle:
        grant = requests.find_grant(self.transaction.connection, item.reference or "")
        if grant is not None:
            ending.end(self.transaction, grant, REVOKED, now=self.now, by=self.by, note=note)
        return None

    def _allow(self, item: Item, note: str) -> Obstacle:
        spec = self._spec(item)
        spec["allow"] = edits.without(spec["allow"], item.user_name, item.group_name)
        return self._put(item, spec, note)

    def _ask(self, item: Item, note: str) -> Obstacle:
        spec = self._spec(item)
        people = edits.without(who(spec, item.path) or {}, item.user_name, item.group_name)
        if not edits.is_empty(people):
            holder = spec if item.path == FLOW else spec["breakGlass"]
            holder["who"] = people
        elif item.path == GLASS:
            del spec["breakGlass"]
        else:
            return _last_of_a_flow(item, spec)
        return self._put(item, spec, note)

    def _map(self, item: Item, note: str) -> Obstacle:
        spec = edits.unmapped(self._spec(item), item.role or "", item.user_name, item.group_name)
        return self._put(item, spec, note)

    def _membership(self, item: Item, _note: str) -> Obstacle:
        """Take somebody out of the group, unless an identity provider says that they are in it."""
        user, group = item.user_name or "", item.group_name or ""
        given = provider_groups.c
        provider = self.transaction.connection.execute(
            sa.select(given.provider).where(given.user_name == user, given.group_name == group)
        ).scalar()
        if provider is not None:
            return f"{provider} says that {user} is in {group}: take them out there"
        if not self.is_admin:
            return f"{user} is in {group}, which may give more: an administrator has to end it"
        with lockout.guarded(self.transaction):
            directory.change_members(self.transaction, group, remove=[user])
        self._record("group.members", group, add=[], remove=[user])
        return None

    def _spec(self, item: Item) -> Spec:
        found = stored.get(self.transaction.connection, item.resource_kind, item.resource_name)
        return dict(found.spec)

    def _put(self, item: Item, spec: Spec, note: str) -> Obstacle:
        kind, name = item.resource_kind, item.resource_name
        before = stored.get(self.transaction.connection, kind, name)
        metadata = {"name": name, "description": before.description}
        body = {"kind": kind, "metadata": metadata, "spec": spec}
        try:
            wanted = kinds.read(kind, body)
        except FieldsError as error:  # stored by an older pgward, which took what we refuse
            return f"{kind} {name!r} cannot be changed: {error.message}"[:500]
        why = f"review {item.review}" + (f": {note}" if note else "")
        now, change = stored.put(
            self.transaction, wanted, now=self.now, by=self.by, reason=why[:500]
        )
        self._record(
            f"{kind.lower()}.apply",
            name,
            change=change,
            version=now.version,
            spec=now.spec,
            reason=why[:500],
        )
        return None

    def _record(self, action: str, target: str, **details: Any) -> None:
        """Put on record what was changed, as it is when it is changed by other means."""
        event = AuditEvent.make(
            time=self.now,
            actor=self.by,
            action=action,
            target=target,
            client=caller.client.get(),
            details=details,
        )
        self.transaction.record(event)


def _last_of_a_flow(item: Item, spec: Spec) -> Obstacle:
    """Say what to do about the only ones who may ask; deleting must not end what was not ended."""
    name, others = item.resource_name, set(spec.get("services") or ()) - {item.service}
    if others:
        what = f"take {item.service} out of its services (pgward edit accessflow {name})"
    elif spec.get("serviceLabels"):
        what = f"narrow its serviceLabels (pgward edit accessflow {name})"
    else:
        what = f"delete the flow (pgward delete accessflow {name})"
    return f"nobody else may ask by it: {what}"


def _server_role(item: Item, _note: str) -> Obstacle:
    return (
        f"{item.role} is a login of the server itself:"
        f" ALTER ROLE … NOLOGIN on the server of {item.integration}"
    )


def _connector(item: Item, _note: str) -> Obstacle:
    return f"the connector needs it for as long as there is the integration {item.integration}"
