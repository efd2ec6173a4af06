"""A store as large as access is measured at: people, services, servers, flows, requests, grants."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from pgward.access.flows import Asked
from pgward.ca.identity import directory
from pgward.ca.resources import kinds
from pgward.ca.store import Store
from pgward.ca.store.schema import group_members, resources, users
from pgward.ca.store.schema_access import access_decisions, access_grants, access_requests

PEOPLE: Final = 10_000
SERVICES: Final = 1_000
GROUPS: Final = 200
INTEGRATIONS: Final = 50
BUNDLES: Final = 40
FLOWS: Final = 20
WAITING: Final = 2_000
"""Requests that nobody has decided about."""
APPROVER: Final = "person1@example.com"
ASKER: Final = "person7@example.com"
ADMINISTRATOR: Final = "person3@example.com"
_ROWS = 5_000
_READING = {"database": "shop", "schema": "public", "tables": ["*"], "grant": ["SELECT"]}
_BY = "bench"


def person(number: int) -> str:
    return f"person{number % PEOPLE}@example.com"


def service(number: int) -> str:
    return f"service-{number % SERVICES}"


def bundle(number: int) -> str:
    return f"bundle-{number % BUNDLES}"


def fill(store: Store, now: datetime, grants: int) -> None:
    """Put all of it into a new store; everybody has as many grants as others."""
    _insert(store, users, list(_people(now)))
    pairs = [
        {"group_name": group, "user_name": person(number)}
        for number in range(PEOPLE)
        for group in (f"group-{number % GROUPS}", "engineers")
    ]
    pairs.append({"group_name": "dba", "user_name": APPROVER})
    pairs.append({"group_name": directory.ADMINISTRATORS, "user_name": ADMINISTRATOR})
    _insert(store, group_members, pairs)
    _insert(store, resources, [_resource(*each, now) for each in _declared()])
    asked = list(_requests(now, grants))
    _insert(store, access_requests, asked)
    _insert(store, access_decisions, [_decision(each, now) for each in asked if _is_given(each)])
    _insert(store, access_grants, [_grant(each, now) for each in asked if _is_given(each)])
    if store.engine.dialect.name == "postgresql":  # as autovacuum does in a while
        with store.write() as transaction:
            transaction.execute(sa.text("ANALYZE"))


def _is_given(request: Mapping[str, Any]) -> bool:
    return bool(request["state"] == "approved")


def _people(now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(PEOPLE):
        name = person(number)
        yield {
            "name": name,
            "name_key": name,
            "full_name": "",
            "email": name,
            "created_at": now,
            "created_by": _BY,
        }


def _declared() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for number in range(INTEGRATIONS):
        spec: dict[str, Any] = {
            "connector": f"c{number}",
            "host": "db1.internal",
            "user": "pgward_connector",
            "auth": {"password": {"fromSecret": "connector"}},
            "roleName": "jit_{user}",
            "stripDomain": "example.com",
            "owner": {"groups": ["dba"]},
        }
        yield "Integration", f"db-{number}", spec
    every = [f"db-{number}" for number in range(INTEGRATIONS)]
    for number in range(BUNDLES):
        yield "RoleBundle", bundle(number), {"integrations": every, "privileges": [_READING]}
    for number in range(SERVICES):
        spec = {
            "mode": "tcp",
            "upstream": {"host": "db1.internal"},
            "allow": {"groups": [f"group-{number % GROUPS}"]},
            "labels": {"team": f"team-{number % FLOWS}"},
            "integration": f"db-{number % INTEGRATIONS}",
        }
        if number % 2:
            block = {"user": {"fromGrant": True}, "auth": {"certificate": {"minutes": 5}}}
            spec |= {"mode": "postgres", "postgres": block}
        yield "Service", service(number), spec
    for number in range(FLOWS):
        flow = {
            "serviceLabels": {"team": f"team-{number}"},
            "who": {"groups": ["engineers"]},
            "bundles": [bundle(each) for each in range(BUNDLES)],
            "maxDuration": "12h",
            "reason": "required",
            "approvals": [{"groups": ["dba"]}],
        }
        yield "AccessFlow", f"flow-{number}", flow


def _resource(kind: str, name: str, spec: dict[str, Any], now: datetime) -> dict[str, Any]:
    read = kinds.read(kind, {"kind": kind, "metadata": {"name": name}, "spec": spec})
    return {
        "kind": kind,
        "name": name,
        "description": "",
        "spec": read.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        "version": 1,
        "created_at": now,
        "created_by": _BY,
        "updated_at": now,
        "updated_by": _BY,
    }


def _requests(now: datetime, grants: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(7)
    for number in range(grants + WAITING):
        at = number * 7 + number // PEOPLE
        made = now - timedelta(seconds=chance.randint(0, 3000))
        yield {
            "id": f"{chance.getrandbits(64):016x}",
            "user_name": person(number),
            "service": service(at),
            "flow": f"flow-{at % SERVICES % FLOWS}",
            "flow_version": 1,
            "integration": f"db-{at % SERVICES % INTEGRATIONS}",
            "state": "approved" if number < grants else "pending",
            "version": 2,
            "asked": Asked(frozenset({bundle(number)})).to_json(),
            "seconds": 36_000 + chance.randint(0, 7200),
            "reason": "a ticket",
            "break_glass": False,
            "created_at": made,
            "lapses_at": made + timedelta(days=1),
            "decided_at": made if number < grants else None,
        }


def _decision(request: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "request_id": request["id"],
        "number": 1,
        "decided_by": APPROVER,
        "decision": "approve",
        "reason": "",
        "decided_at": now,
    }


def _grant(request: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    same = ("id", "user_name", "service", "flow", "integration", "break_glass")
    asked = request["asked"]
    return {name: request[name] for name in same} | {
        "role": f"jit_{request['user_name'].removesuffix('@example.com')}",
        "rights": asked,
        "names": asked["bundles"],
        "state": "active",
        "granted_at": request["created_at"],
        "ends_at": request["created_at"] + timedelta(seconds=request["seconds"]),
        "activated_at": now,
    }


def _insert(store: Store, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _ROWS):
        with store.write() as transaction:
            transaction.execute(sa.insert(table), rows[start : start + _ROWS])
            transaction.changed()
