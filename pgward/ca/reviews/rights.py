"""The rights of the report, place by place, so that never all of them are in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access import marks
from pgward.access.flows import Flow
from pgward.access.people import People
from pgward.access.request_states import LIVE
from pgward.ca.access import declared
from pgward.ca.access.declared import Target
from pgward.ca.catalog import searching
from pgward.ca.identity import directory
from pgward.ca.resources import stored
from pgward.ca.reviews.members import Members
from pgward.ca.store.schema_access import access_grants

ALLOW: Final = "allow"
FLOW: Final = "flow"
GLASS: Final = "break-glass"
GRANT: Final = "grant"
ROLE_MAP: Final = "role-map"
SERVER_ROLE: Final = "server-role"
CONNECTOR: Final = "connector"
ADMINISTRATOR: Final = "administrator"
OURS: Final = ""
"""In the place of a flag: an access role, whose grant is in the report."""
_SERVICES, _MAPS, _SERVERS, _AUTHORITY = range(4)
_PAGE = 1000
_GRANTS = access_grants.c
_LIVE = sa.select(access_grants).where(_GRANTS.state.in_(LIVE))


class Key(NamedTuple):
    """Where a right stands in the report."""

    rank: int
    place: str
    path: str
    group: str
    user: str
    more: str


@dataclass(frozen=True, slots=True)
class Right:
    """What lets somebody in; ``user`` None is every member of ``group``.

    ``resource`` is what says so. ``role`` is that of PostgreSQL where it is known; ``host`` a
    PostgreSQL host. Both times are None where nobody knows, ``until`` where there is no end.
    ``flagged`` says what is wrong with it, if anything is.
    """

    key: Key
    resource: tuple[str, str]
    user: str | None = None
    group: str | None = None
    service: str | None = None
    integration: str | None = None
    host: str | None = None
    role: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    flagged: str | None = None

    @property
    def path(self) -> str:
        """The kind of what lets them in."""
        return self.key.path


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rights: every field that is not None must match; ``people`` has groups spelt out."""

    user: str | None = None
    group: str | None = None
    service: str | None = None
    path: str | None = None
    people: bool = False


class Rights:
    """All rights of one reading of the store."""

    def __init__(self, connection: Connection, wanted: Wanted, now: datetime) -> None:
        self._connection, self._wanted, self._now = connection, wanted, now
        self.members = Members(connection, wanted.user)
        only = None if wanted.service is None else [wanted.service]
        self.services = {each.name: each.spec for each, _ in stored.services(connection, only)}
        self._explained: dict[str, set[tuple[str, str]]] = {}
        self._grants = self._by_service() if wanted.user is not None else None

    def after(self, key: Key | None) -> Iterator[Right]:
        """Yield those behind one, in order."""
        rank, place = (-1, "") if key is None else key[:2]
        for each in self._places(rank, place):
            found = sorted(each, key=lambda right: right.key)
            yield from (right for right in found if key is None or right.key > key)

    def _places(self, rank: int, place: str) -> Iterator[Iterator[Right]]:
        """Yield the rights of each place that is not before one."""

        def ahead(its: int, names: Iterable[str]) -> list[str]:
            return sorted(each for each in names if rank < its or (rank == its and each >= place))

        only = None if self._wanted.service is None else [self._wanted.service]
        targets = {each.service: each for each in declared.targets(self._connection, only)}
        flows = declared.flows(self._connection)
        for name in ahead(_SERVICES, targets):
            if self._wanted.service in {None, name}:
                yield self._of_service(targets[name], flows)
        if self._wanted.service is not None:
            return
        maps = dict(stored.role_maps(self._connection))
        for name in ahead(_MAPS, maps):
            yield self._of_map(name, maps[name])
        servers = {each.name: each.spec for each in stored.every(self._connection, "Integration")}
        for name in ahead(_SERVERS, servers):
            yield self._of_server(name, servers[name])
        yield self._given(
            Key(_AUTHORITY, "", ADMINISTRATOR, "", "", ""),
            People.of(groups=[directory.ADMINISTRATORS]),
            resource=("Group", directory.ADMINISTRATORS),
        )

    def _of_service(self, target: Target, flows: list[Flow]) -> Iterator[Right]:
        about = {"service": target.service, "integration": target.integration}
        allow = self.services[target.service].get("allow") or {}
        people = People.of(allow.get("users") or (), allow.get("groups") or ())
        key = Key(_SERVICES, target.service, ALLOW, "", "", "")
        yield from self._given(key, people, resource=("Service", target.service), **about)
        for flow in flows:
            if not flow.is_for(target.service, target.labels):
                continue
            made: dict[str, Any] = {"resource": ("AccessFlow", flow.name), **about}
            yield from self._given(key._replace(path=FLOW, more=flow.name), flow.who, **made)
            if flow.glass is not None:
                glass = key._replace(path=GLASS, more=flow.name)
                yield from self._given(glass, flow.glass.who, **made)
        yield from self._granted(key._replace(path=GRANT), target.service)

    def _granted(self, key: Key, service: str) -> Iterator[Right]:
        if self._wanted.path not in {None, GRANT} or self._wanted.group is not None:
            return
        for row in self._grants_on(service):
            yield Right(
                key._replace(user=row.user_name, more=row.id),
                ("AccessFlow", row.flow),
                user=row.user_name,
                service=service,
                integration=row.integration,
                role=row.role,
                since=row.activated_at or row.granted_at,
                until=row.ends_at,
            )

    def _grants_on(self, service: str) -> Iterable[sa.Row[Any]]:
        if self._grants is not None:
            return self._grants.get(service, [])
        return self._connection.execute(_LIVE.where(_GRANTS.service == service))

    def _by_service(self) -> dict[str, list[sa.Row[Any]]]:
        """Return the grants of the one person, who may have some on few of the services."""
        found: dict[str, list[sa.Row[Any]]] = {}
        chosen = _LIVE.where(_GRANTS.user_name == self.members.user)
        for row in self._connection.execute(chosen):
            found.setdefault(row.service, []).append(row)
        return found

    def _of_map(self, name: str, spec: Any) -> Iterator[Right]:
        for host in spec.hosts:
            for rule in spec.rules:
                roles = [*rule.roles, *(["{user}"] if spec.roles.manage else [])]
                for role in dict.fromkeys(roles):
                    key = Key(_MAPS, name, ROLE_MAP, "", "", f"{host}\0{role}")
                    people = People.of(rule.users, rule.groups)
                    made: dict[str, Any] = {"resource": ("RoleMap", name), "host": host}
                    for each in self._given(key, people, **made):
                        own = each.user is not None and role == "{user}"
                        yield _with_role(each, spec.own_role(each.user) if own else role)

    def _of_server(self, name: str, spec: dict[str, Any]) -> Iterator[Right]:
        """Yield who needs no pgward: the connector's account, and roles that may log in."""
        if self._wanted.user is not None or self._wanted.group is not None:
            return
        about: dict[str, Any] = {"resource": ("Integration", name), "integration": name}
        key = Key(_SERVERS, name, CONNECTOR, "", "", spec["user"])
        if self._wanted.path in {None, CONNECTOR}:
            yield Right(key, role=spec["user"], **about)
        if self._wanted.path not in {None, SERVER_ROLE}:
            return
        for each in self._logins(name):
            flagged = self._flag(name, each)
            if each["name"] != spec["user"] and flagged != OURS:
                more = key._replace(path=SERVER_ROLE, more=each["name"])
                yield Right(more, role=each["name"], flagged=flagged, **about)

    def _logins(self, integration: str) -> Iterator[dict[str, Any]]:
        """Yield the roles of a server that may log in, as its connector last saw them."""
        last: str | None = None
        while True:
            found = searching.roles(self._connection, integration, limit=_PAGE, after=last)
            yield from (each for each in found if each["attributes"].get("login"))
            if len(found) < _PAGE:
                return
            last = found[-1]["name"]

    def _flag(self, integration: str, role: dict[str, Any]) -> str | None:
        """Return OURS for an access role that a grant explains; else what is wrong, if anything.

        Whoever may comment on a role can write our mark: by itself it explains nothing.
        """
        if not role["comment"].startswith(marks.PREFIX):
            return None
        mark = marks.Mark.read(role["comment"])
        is_ours = mark is not None and (
            (mark.integration, mark.kind) == (integration, "access")
            and (mark.name, role["name"]) in self._access_roles(integration)
        )
        return OURS if is_ours else "it bears pgward's mark, and no live grant explains it"

    def _access_roles(self, integration: str) -> set[tuple[str, str]]:
        """Return who has which role by grants, or had it when the connector last looked."""
        if integration not in self._explained:
            scans = searching.scans(self._connection, integration)
            taken = scans[0]["taken_at"] if scans else None
            is_there: sa.ColumnElement[bool] = _GRANTS.state.in_((*LIVE, "ending"))
            if taken is not None:
                is_there = sa.or_(is_there, _GRANTS.ended_at >= taken)
            chosen = sa.select(_GRANTS.user_name, _GRANTS.role)
            rows = self._connection.execute(
                chosen.where(_GRANTS.integration == integration, is_there)
            )
            self._explained[integration] = {(row[0], row[1]) for row in rows}
        return self._explained[integration]

    def _given(self, key: Key, people: People, **made: Any) -> Iterator[Right]:
        """Yield a right for each name and group, or for each person of them."""
        if self._wanted.path not in {None, key.path}:
            return
        if self._wanted.group is None:
            for user in sorted(people.users):
                name = self.members.called(user)
                if self.members.wants(name):
                    yield Right(key._replace(user=name), user=name, **made)
        for group in sorted(people.groups):
            if self._wanted.group not in {None, group}:
                continue
            if not (self._wanted.people or self._wanted.user is not None):
                yield Right(key._replace(group=group), group=group, **made)
                continue
            for name in self.members.of(group):
                yield Right(key._replace(group=group, user=name), user=name, group=group, **made)


def _with_role(right: Right, role: str) -> Right:
    return replace(right, role=role)
