"""Connectors, as administrators see them."""

from pydantic import BaseModel

from pgward.ca.access import healths
from pgward.ca.identity import machines
from pgward.ca.records import Kind
from pgward.ca.resources import stored as resources
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Revoked, Time
from pgward.ca.service.routes import hosts

router = strict.router("machines: administration")


class ServerInfo(BaseModel):
    """How a connector fares with one server, by its own word at ``told_at``."""

    integration: str
    state: str | None
    problem: str | None
    server_version: int | None
    told_at: Time


class ConnectorInfo(BaseModel):
    """A connector and its integrations; ``not_after`` is when its newest certificate ends."""

    name: str
    integrations: list[str]
    servers: list[ServerInfo]
    enrolled_at: Time
    last_seen_at: Time | None
    not_after: Time | None


class Connectors(BaseModel):
    """All connectors, by name."""

    connectors: list[ConnectorInfo]


@router.get("/connectors", summary="List connectors")
def every(context: Current, _by: Administrator) -> Connectors:
    """Return the connectors that enrolled, and when each last asked for something."""
    with context.store.read() as connection:
        found = machines.connectors(connection)
        ends = machines.expiries(connection, Kind.CONNECTOR)
        integrations = resources.every(connection, "Integration")
        told = healths.every(connection, [each.name for each in integrations])
    return Connectors(
        connectors=[
            ConnectorInfo(
                name=each.name,
                integrations=[one.name for one in integrations if _is_of(one.spec, each.name)],
                servers=[
                    ServerInfo.model_validate(told[one.name], from_attributes=True)
                    for one in integrations
                    if _is_of(one.spec, each.name)
                    and one.name in told
                    and told[one.name].machine == each.actor
                ],
                enrolled_at=each.enrolled_at,
                last_seen_at=each.last_seen_at,
                not_after=ends.get(each.name),
            )
            for each in found
        ]
    )


@router.delete("/connectors/{name}", summary="Remove a connector")
def remove(context: Current, by: Administrator, name: str) -> Revoked:
    """Forget a connector and revoke its certificates; what it made on servers stays until then."""
    return hosts.removed(context, by, Kind.CONNECTOR, name)


def _is_of(spec: dict[str, object], connector: str) -> bool:
    return spec.get("connector") == connector
