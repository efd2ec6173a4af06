"""What an edge must know, as one signed document: services, groups, CRLs, blocked people."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.authority import Retired, Trust
from pgward.ca.identity import directory, step_ups
from pgward.ca.recordings import endings
from pgward.ca.recordings.endings import Ending
from pgward.ca.records import PEOPLES, PublishedCrl
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.resources.policy import PolicySpec
from pgward.ca.resources.stored import Resource
from pgward.ca.rotation import rotations
from pgward.ca.snapshot_grants import GrantBook, Packed
from pgward.ca.snapshot_postgres import as_snapshot
from pgward.ca.store.schema import certificates, users
from pgward.core.clock import rfc3339
from pgward.pki import pem

# Edges that know nothing of step-ups leave out what has a mode that they do not know.
_STEP_UP_MODE = "{}+step-up"
_NAMES = sa.select(users.c.name_key, users.c.name)


class Signing(Protocol):
    """What the authority does for a snapshot."""

    @property
    def trust(self) -> Trust:
        """Whom to trust."""
        ...

    def refresh(self) -> bool:
        """Take up what a rotation changed in the store."""
        ...

    def user_crls(self) -> list[PublishedCrl]:
        """Return the newest CRLs of the CAs that vouch for people."""
        ...

    def retired(self) -> Sequence[Retired]:
        """Return the CAs that vouched for people once; their sessions may still run."""
        ...

    def sign_snapshot(self, payload: dict[str, object]) -> str:
        """Return the payload as a compact JWS."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """One consistent reading of the store."""

    version: int
    services: Sequence[tuple[str, ServiceSpec]]
    groups: Mapping[str, Sequence[str]]
    names: Mapping[str, str]
    blocked: Sequence[str]
    crls: Sequence[bytes]
    trust: Trust
    retired: Sequence[Retired] = ()
    has_orders: bool = False
    # By service and person: until when a fresh second factor counts.
    proofs: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    policies: Mapping[str, PolicySpec] = field(default_factory=dict)
    # For whom recordings are encrypted, if a service has any; and sessions that are to end.
    recipient: str | None = None
    endings: Sequence[Ending] = ()
    # By service: who may use it for a time; and since which version somebody has less.
    grants: Mapping[str, Packed] = field(default_factory=dict)
    less: Mapping[str, int] = field(default_factory=dict)
    # What grows when more than grants changes, read before all else.
    configuration: int = 0


def build(state: State, edge: str, *, now: datetime) -> dict[str, Any]:
    """Return the payload for one edge: its own services, and only the groups that they name."""
    served = serves(state, edge)
    made = sections(state, served)
    services = [
        fields | ({"grants": state.grants[name].text} if name in state.grants else {})
        for name, fields in made.pop("services").items()
    ]
    del made["grants"]
    if not speaking(served):
        del made["people"]
    head = dated(state, now) | heading(state, edge, served)
    return {**head, **lists(state), "services": services, **made}


def serves(state: State, edge: str) -> list[tuple[str, ServiceSpec]]:
    """Return the services that are on an edge."""
    return [(name, spec) for name, spec in state.services if spec.is_on(edge)]


def dated(state: State, now: datetime) -> dict[str, Any]:
    """Return of which version it is, and of when."""
    return {"version": state.version, "issued_at": rfc3339(now)}


def heading(state: State, edge: str, served: Sequence[tuple[str, ServiceSpec]]) -> dict[str, Any]:
    """Return what stands in every snapshot itself."""
    found = {
        "edge": edge,
        "user_roots": [pem.text(root) for root in state.trust.user_roots],
        "user_issuing": [pem.text(issuing) for issuing in state.trust.user_issuing],
        "orders": state.has_orders,
        "blocked": list(state.blocked),
    }
    if not speaking(served):
        return found
    return found | {
        "server_roots": [pem.text(root) for root in state.trust.server_roots],
        "recording": {"recipient": state.recipient},
        "endings": [
            {"session": each.session, "reason": each.reason, "force": each.forced}
            for each in state.endings
            if each.edge == edge
        ],
    }


def lists(state: State) -> dict[str, Any]:
    """Return who was revoked."""
    return {
        "crls": [b64encode(crl).decode("ascii") for crl in state.crls],
        "retired": [_retired(each) for each in state.retired],
    }


def sections(state: State, served: Sequence[tuple[str, ServiceSpec]]) -> dict[str, dict[str, Any]]:
    """Return what may be long, by name: services, their grants, groups, and people's groups."""
    named = sorted({group for _, spec in served for group in spec.allow.groups})
    groups = groups_by_person(state)
    people = sorted(with_standing(state, served) | with_grants(state, served))
    return {
        "services": {name: _service(name, spec, state) for name, spec in served},
        "grants": {name: state.grants[name].text for name, _ in served if name in state.grants},
        "groups": {group: list(state.groups.get(group, ())) for group in named},
        "people": {name: person(groups.get(name, ())) for name in people},
    }


def read(
    connection: Connection,
    signing: Signing,
    version: int,
    now: datetime,
    recipient: Callable[[], str | None] = lambda: None,
    *,
    configuration: int = 0,
    grants: GrantBook | None = None,
) -> State:
    """Read all that edges must know, as it is in ``version`` or later."""
    book = grants or GrantBook()
    services = resources.services(connection)
    return State(
        version=version,
        services=[(each.name, spec) for each, spec in services],
        groups=directory.groups(connection),
        names={row.name_key: row.name for row in connection.execute(_NAMES)},
        blocked=_blocked(connection, now),
        crls=[crl.der for crl in signing.user_crls()],
        trust=signing.trust,
        retired=signing.retired(),
        has_orders=bool(rotations.under_way(connection)),
        proofs=_proofs(connection, services, now),
        policies=resources.policies(connection),
        recipient=recipient() if any(_is_recorded(spec) for _, spec in services) else None,
        endings=endings.current(connection, now),
        grants=book.read(connection, now),
        less=book.less,
        configuration=configuration,
    )


def read_grants(
    connection: Connection, state: State, version: int, now: datetime, grants: GrantBook
) -> State:
    """Return what edges must know where grants alone have changed since."""
    return replace(state, version=version, grants=grants.read(connection, now), less=grants.less)


def _retired(each: Retired) -> dict[str, Any]:
    crl = None if each.crl is None else b64encode(each.crl).decode("ascii")
    return {"certificate": pem.text(each.certificate), "crl": crl}


def _proofs(
    connection: Connection, services: Sequence[tuple[Resource, ServiceSpec]], now: datetime
) -> dict[str, dict[str, datetime]]:
    asking = {each.name: (each, spec.step_up) for each, spec in services if spec.step_up}
    found: dict[str, dict[str, datetime]] = {}
    for proof in step_ups.live(connection, now) if asking else ():
        resource, rule = asking.get(proof.service, (None, None))
        if resource is None or rule is None:
            continue
        until = proof.until(rule.minutes, rule.factors, since=resource.created_at, now=now)
        if until is not None:
            found.setdefault(proof.service, {})[proof.user] = until
    return found


def _service(name: str, spec: ServiceSpec, state: State) -> dict[str, Any]:
    # People are named here as in their certificates, whatever case the resource used.
    people = [state.names.get(user.lower(), user) for user in spec.allow.users]
    first = spec.upstreams()[0]
    served = {
        "name": name,
        "mode": spec.mode,
        "upstream": {"host": first.host, "port": first.port},
        "allow": {"users": people, "groups": list(spec.allow.groups)},
        "max_connections": spec.limits.max_connections,
        "max_connections_per_user": spec.limits.max_connections_per_user,
    }
    if spec.postgres is not None:
        served["postgres"] = as_snapshot(spec, spec.postgres, state.policies)
    if spec.step_up is None:
        return served
    proofs = state.proofs.get(name, {})
    asked = {
        "end_sessions": spec.step_up.end_sessions,
        "proofs": {user: rfc3339(until) for user, until in proofs.items()},
    }
    return served | {"mode": _STEP_UP_MODE.format(spec.mode), "step_up": asked}


def _is_recorded(spec: ServiceSpec) -> bool:
    """Tell whether one of a service's configurations may record."""
    if spec.postgres is None:
        return False
    configs = spec.postgres.whole(spec.upstream)
    return any((each.recording or "none") != "none" for each in configs.values())


def groups_by_person(state: State) -> dict[str, list[str]]:
    """Return the groups that each person is in, by name."""
    found: dict[str, list[str]] = {}
    for group, members in sorted(state.groups.items()):
        for name in members:
            found.setdefault(name, []).append(group)
    return found


def person(groups: Sequence[str]) -> dict[str, list[str]]:
    """Return what rules look at of a person."""
    return {"groups": list(groups)}


def with_standing(state: State, served: Sequence[tuple[str, ServiceSpec]]) -> set[str]:
    """Return everyone in the directory who may always use one that speaks PostgreSQL."""
    found: set[str] = set()
    for _, spec in speaking(served):
        found.update(*(state.groups.get(group, ()) for group in spec.allow.groups))
        users = (state.names.get(user.lower()) for user in spec.allow.users)
        found.update(user for user in users if user is not None)
    return found


def with_grants(state: State, served: Sequence[tuple[str, ServiceSpec]]) -> set[str]:
    """Return everyone who may use one that speaks PostgreSQL for a time."""
    packed = (state.grants.get(name) for name, _ in speaking(served))
    return set().union(*(each.people for each in packed if each is not None))


def speaking(served: Sequence[tuple[str, ServiceSpec]]) -> list[tuple[str, ServiceSpec]]:
    """Return those in ``mode: postgres``."""
    return [each for each in served if each[1].postgres is not None]


def _blocked(connection: Connection, now: datetime) -> list[str]:
    """Return who has an unexpired certificate and is blocked, ended, or not in the directory."""
    columns = certificates.c
    statement = (
        sa.select(columns.subject)
        .distinct()
        .select_from(certificates.outerjoin(users, users.c.name == columns.subject))
        .where(
            columns.kind.in_(PEOPLES),
            columns.not_after >= now,
            sa.or_(
                users.c.name.is_(None),
                users.c.blocked_at.is_not(None),
                users.c.valid_until <= now,
            ),
        )
    )
    return sorted(connection.execute(statement).scalars())
