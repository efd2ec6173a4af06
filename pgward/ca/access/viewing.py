"""Who sees which requests and grants, and what of them; worked out once for a whole list.

People see their own; who may decide about a request sees it; administrators and auditors see all.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.engine import Connection

from pgward.access.approvals import Approval, Demand
from pgward.access.flows import Flow
from pgward.access.people import Person
from pgward.access.request_states import ENDING, LIVE, PENDING
from pgward.access.rights import Rights
from pgward.ca.access import asked_plans, deciders, declared, healths, requests
from pgward.ca.access.deciders import Deciders
from pgward.ca.access.declared import Target
from pgward.ca.access.requests import AccessRequest, Decision, Grant, GrantSearch, Search
from pgward.ca.identity import directory
from pgward.ca.identity.directory import User
from pgward.core.errors import NotFoundError

MOST_SCANNED = 20
"""Pages that are looked through to fill one for somebody who sees few of them."""
_MOST_NAMED = 20
_WAITING = (PENDING, ENDING)
"""States of a grant in which its connector has something to do."""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Needed:
    """One demand: who may fulfil it (some of them by name), and how many have."""

    demand: Demand
    approvers: list[str]
    given: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A request with all that is known of it; ``counts`` are those whose yes still counts.

    ``inside`` has the rights of its bundles, as those are now; ``trouble`` is what keeps its
    connector from doing anything, looked at for one request only.
    """

    request: AccessRequest
    decisions: list[Decision]
    grant: Grant | None
    needed: list[Needed] = field(default_factory=list)
    counts: frozenset[str] = frozenset()
    can: list[str] = field(default_factory=list)
    inside: Mapping[str, Rights] = field(default_factory=dict)
    trouble: str | None = None


class Viewer:
    """What one person sees, at one moment, in one reading of the store."""

    def __init__(self, connection: Connection, user: User, now: datetime) -> None:
        self._connection, self._now = connection, now
        self._me = deciders.as_person(user)
        self._is_admin = user.administrator
        self._sees_all = user.administrator or directory.AUDITORS in user.groups
        self._flows: dict[str, Flow | None] = {}
        self._targets: dict[str, Target | None] = {}
        self._deciders: dict[tuple[str, str, str, str], Deciders | None] = {}
        self._people: dict[tuple[Demand, ...], list[Person]] = {}
        self._able: dict[str, Person | None] = {}
        self._bundles: dict[str, Rights] = {}
        self._said: dict[str, list[Decision]] = {}

    def one(self, request_id: str) -> Seen:
        """Return a request; raise NotFoundError also for one that is not theirs to see."""
        request = requests.get(self._connection, request_id)
        if not self._may_see(request):
            raise requests.unknown(request_id)
        seen = self._whole([request])[0]
        return replace(seen, trouble=self._trouble(request, seen.grant))

    def trouble(self, integration: str, request: AccessRequest) -> str | None:
        """Return what keeps a connector from its server; who decides hears all about it."""
        whole = self.hears_all(request)
        return healths.trouble(self._connection, integration, self._now, whole=whole)

    def hears_all(self, request: AccessRequest) -> bool:
        """Tell whether a connector's own words are for them, which name hosts and accounts."""
        return self._sees_all or self.may_end(request)

    def requests(
        self, search: Search, *, to_decide: bool, after: str | None, limit: int
    ) -> tuple[list[Seen], str | None]:
        """Return a page of requests, and where the next one begins if there may be more."""
        found: list[AccessRequest] = []
        narrowed, size = self._narrowed(search, to_decide), limit
        for _ in range(MOST_SCANNED):
            page = requests.page(self._connection, narrowed, after=after, limit=size)
            self._look_at(page)
            for each in page:
                after = each.id
                if self._waits_for_me(each) if to_decide else self._may_see(each):
                    found.append(each)
                if len(found) == limit:
                    return self._whole(found), after
            if len(page) < size:
                return self._whole(found), None
            size = max(limit, _PAGE)  # whoever sees few of them has more looked through
        return self._whole(found), after

    def grants(
        self, search: GrantSearch, *, after: str | None, limit: int
    ) -> tuple[list[Grant], str | None]:
        """Return a page of grants, and where the next one begins if there may be more."""
        if not self._sees_all:
            flows = self._flows_to_decide()
            search = GrantSearch(search.states, search.user, search.service, self._me.name, flows)
        found: list[Grant] = []
        size = limit
        for _ in range(MOST_SCANNED):
            page = requests.grant_page(self._connection, search, after=after, limit=size)
            asked = {} if self._sees_all else self._asked([each.id for each in page])
            for each in page:
                after = each.id
                if self._sees_all or self._may_see_grant(each, asked):
                    found.append(each)
                if len(found) == limit:
                    return found, after
            if len(page) < size:
                return found, None
            size = max(limit, _PAGE)
        return found, after

    def troubles(self, found: Iterable[Grant]) -> dict[str, str]:
        """Return what keeps connectors from grants that wait for them, by those grants' ids."""
        waiting = {each.id: each.integration for each in found if each.state in _WAITING}
        told = {
            name: healths.trouble(self._connection, name, self._now)
            for name in {each for each in waiting.values() if each is not None}
        }
        return {key: text for key, name in waiting.items() if name and (text := told[name])}

    def _trouble(self, request: AccessRequest, grant: Grant | None) -> str | None:
        """Return what is in the way of what waits for a connector, or would."""
        waits = request.state == PENDING or (grant is not None and grant.state in _WAITING)
        if request.integration is None or not waits:
            return None
        return self.trouble(request.integration, request)

    def may_end(self, request: AccessRequest) -> bool:
        """Tell whether they may take a grant away: administrators, and who may decide."""
        who = self._who(request)
        return self._is_admin or (who is not None and who.may(self._me))

    def _narrowed(self, search: Search, to_decide: bool) -> Search:
        if to_decide:
            flows = self._flows_to_decide()
            return Search(PENDING, search.user, search.service, self._me.name, flows)
        if self._sees_all or search.user == self._me.name:
            return search
        flows = self._flows_to_decide()
        return Search(
            search.state,
            search.user,
            search.service,
            self._me.name,
            flows,
            search.unacknowledged,
            search.prefix,
        )

    def _flows_to_decide(self) -> list[str]:
        """Return the flows that may have them decide, as far as is known without a request."""
        return [
            each.name
            for each in declared.flows(self._connection)
            if any(_may_name(one, self._me) for one in each.approvals)
        ]

    def _may_see(self, request: AccessRequest) -> bool:
        if self._sees_all or self._me.is_called(request.user_name):
            return True
        who = self._who(request)
        if who is not None and who.may(self._me):
            return True
        said = self._decisions(request.id)
        return any(self._me.is_called(each.decided_by) for each in said)

    def _may_see_grant(self, grant: Grant, asked: Mapping[str, AccessRequest]) -> bool:
        if self._me.is_called(grant.user_name):
            return True
        request = asked.get(grant.id)
        return request is not None and self._may_see(request)

    def _asked(self, ids: Sequence[str]) -> dict[str, AccessRequest]:
        """Return the requests of a page of grants."""
        found = requests.several(self._connection, ids)
        self._look_at(found)
        return {each.id: each for each in found}

    def _look_at(self, page: Sequence[AccessRequest]) -> None:
        """Read at once what a page of requests is about, and what was said of them."""
        services = {each.service for each in page} - self._targets.keys()
        for name in services:
            self._targets[name] = None
        for aim in declared.targets(self._connection, services) if services else ():
            self._targets[aim.service] = aim
        ids = [each.id for each in page]
        said = requests.decisions_of(self._connection, ids)
        self._said = {each: said.get(each, []) for each in ids}

    def _decisions(self, request_id: str) -> list[Decision]:
        if request_id not in self._said:
            self._said[request_id] = requests.decisions(self._connection, request_id)
        return self._said[request_id]

    def _waits_for_me(self, request: AccessRequest) -> bool:
        who = self._who(request)
        if who is None or not who.may(self._me) or self._now >= request.lapses_at:
            return False
        said = self._decisions(request.id)
        return not any(self._me.is_called(each.decided_by) for each in said)

    def _whole(self, found: Sequence[AccessRequest]) -> list[Seen]:
        ids = [each.id for each in found]
        grants = requests.grants_of(self._connection, ids)
        said = requests.decisions_of(self._connection, ids)
        self._look_into({name for each in found for name in each.rights.bundles})
        return [self._seen(each, said.get(each.id, []), grants.get(each.id)) for each in found]

    def _seen(self, request: AccessRequest, said: list[Decision], grant: Grant | None) -> Seen:
        yes = [
            person
            for each in said
            if each.decision == requests.APPROVE
            and (person := self._person(each.decided_by)) is not None
        ]
        who = self._who(request)
        demands = () if who is None else who.demands
        needed = [
            Needed(
                each,
                self._named(who, each) if request.state == PENDING else [],
                sum(each.people.names(person) for person in yes),
            )
            for each in demands
        ]
        counts = frozenset(
            person.name for person in yes if any(one.people.names(person) for one in demands)
        )
        inside = {name: self._bundles[name] for name in sorted(request.rights.bundles)}
        can = self._can(request, said, grant)
        return Seen(request, said, grant, needed, counts, can, inside)

    def _can(
        self, request: AccessRequest, said: Sequence[Decision], grant: Grant | None
    ) -> list[str]:
        """Return what they may do with it, by the names of routes."""
        mine = self._me.is_called(request.user_name)
        who = self._who(request)
        decides = not mine and who is not None and who.may(self._me)
        found: list[str] = []
        if request.state == PENDING:
            said_so = any(self._me.is_called(each.decided_by) for each in said)
            found += ["approve", "deny"] if decides and not said_so else []
            found += ["cancel"] if mine else []
            found += ["plan"] if asked_plans.can_be_asked(request) else []
        if grant is not None and grant.state in LIVE and self._now < grant.ends_at:
            flow = self._flow(request.flow)
            longer = flow is not None and flow.longest_in_all and not grant.break_glass
            found += ["extend"] if mine and longer else []
            found += ["revoke"] if mine or decides or self._is_admin else []
        if request.break_glass and request.acknowledged_at is None and not mine:
            found += ["acknowledge"] if decides or self._is_admin else []
        return found

    def _named(self, who: Deciders | None, demand: Demand) -> list[str]:
        if who is None:
            return []
        if who.demands not in self._people:
            self._people[who.demands] = who.people(self._connection, self._now)
        found = [each.name for each in self._people[who.demands] if demand.people.names(each)]
        return [name for name in found if name.lower() != who.asker.lower()][:_MOST_NAMED]

    def _who(self, request: AccessRequest) -> Deciders | None:
        asked = json.dumps(dict(request.asked), sort_keys=True)
        key = (request.flow, request.service, asked, request.user_name)
        if key not in self._deciders:
            flow, aim = self._flow(request.flow), self._target(request.service)
            fits = flow is not None and aim is not None and flow.is_for(aim.service, aim.labels)
            self._deciders[key] = (
                deciders.of(self._connection, flow, aim, request.user_name, request.rights)
                if fits and flow is not None and aim is not None
                else None
            )
        return self._deciders[key]

    def _flow(self, name: str) -> Flow | None:
        if name not in self._flows:
            self._flows[name] = declared.flow(self._connection, name)
        return self._flows[name]

    def _target(self, name: str) -> Target | None:
        if name not in self._targets:
            try:
                self._targets[name] = declared.target(self._connection, name)
            except NotFoundError:
                self._targets[name] = None
        return self._targets[name]

    def _look_into(self, bundles: Collection[str]) -> None:
        """Read at once what is in bundles; one that is gone has nothing in it."""
        unknown = set(bundles) - self._bundles.keys()
        found = declared.bundles(self._connection, unknown) if unknown else {}
        for name in unknown:
            self._bundles[name] = found[name].rights() if name in found else Rights()

    def _person(self, name: str) -> Person | None:
        if name not in self._able:
            self._able[name] = deciders.person(self._connection, name, self._now)
        return self._able[name]


def offers(
    connection: Connection, user: User, service: str | None
) -> Iterable[tuple[Target, Flow]]:
    """Yield what somebody may ask for: a service and a flow."""
    person = deciders.as_person(user)
    flows = [
        each
        for each in declared.flows(connection)
        if each.lets_ask(person) or each.lets_ask(person, break_glass=True)
    ]
    only = None if service is None else [service]
    for aim in declared.targets(connection, only) if flows else ():
        for flow in flows:
            if flow.is_for(aim.service, aim.labels):
                yield aim, flow


def _may_name(approval: Approval, person: Person) -> bool:
    return approval.integration_owner or approval.resource_owner or approval.people.names(person)
