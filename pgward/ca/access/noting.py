"""What who applies or deletes resources about access should know: what is missing, or in use."""

from collections.abc import Collection, Iterator
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy.engine import Connection

from pgward.access.request_states import LIVE
from pgward.ca.access import ending, requests
from pgward.ca.identity import machines
from pgward.ca.records import Kind
from pgward.ca.resources import stored as resources
from pgward.ca.resources.access_flow import AccessFlow, AccessFlowSpec
from pgward.ca.resources.integration import Integration, IntegrationSpec
from pgward.ca.resources.kinds import Resource, Service
from pgward.ca.resources.role_bundle import RoleBundle
from pgward.ca.store import Transaction
from pgward.ca.store.schema_access import access_grants
from pgward.core.errors import ConflictError

_GRANTS = access_grants.c


def about(connection: Connection, resource: Resource | None) -> list[str]:
    """Return a line for each thing that a resource names and that is not there."""
    match resource:
        case Integration():
            return list(_of_integration(connection, resource.spec))
        case RoleBundle():
            return list(_missing(connection, "Integration", resource.spec.integrations))
        case AccessFlow():
            return list(_of_flow(connection, resource.spec))
        case Service() if resource.spec.integration is not None:
            return list(_missing(connection, "Integration", [resource.spec.integration]))
        case _:
            return []


def deleting(transaction: Transaction, kind: str, name: str, *, now: datetime) -> None:
    """Refuse to forget a server on which people have something; raise ConflictError.

    What was being taken away counts as ended: nobody will tell any more.
    """
    if kind != "Integration":
        return
    connection = transaction.connection
    here = _GRANTS.integration == name
    live = list(requests.grants(connection, here, _GRANTS.state.in_(LIVE), most=10))
    if live:
        raise ConflictError(
            f"people have access by the integration {name!r}: {', '.join(e.id for e in live)}",
            hint="end it first: pgward revoke ID",
        )
    for each in list(requests.grants(connection, here, _GRANTS.state == "ending")):
        ending.finish(transaction, each, 0, now=now)


def _of_integration(connection: Connection, spec: IntegrationSpec) -> Iterator[str]:
    kind = Kind.CONNECTOR if spec.connector is not None else Kind.EDGE
    name = spec.connector or spec.edge or ""
    if machines.find(connection, kind, name) is None:
        yield f"there is no {kind} {name!r} yet: pgward ca token {kind} {name}"


def _of_flow(connection: Connection, spec: AccessFlowSpec) -> Iterator[str]:
    yield from _missing(connection, "Service", spec.services or ())
    yield from _missing(connection, "RoleBundle", spec.bundles)
    if not spec.approvals:
        yield "it has no approvals, so everything that it offers is given without anybody's yes"


def _missing(connection: Connection, kind: str, names: Collection[str]) -> Iterator[str]:
    known = [each.name for each in resources.every(connection, kind)]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            also = f"; did you mean {near[0]!r}?" if near else ""
            yield f"there is no {kind} {name!r}{also}"
