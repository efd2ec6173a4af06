"""Edges, as administrators see them."""

from pydantic import BaseModel, Field

from pgward.ca.archive import sessions
from pgward.ca.identity import machines
from pgward.ca.records import Kind
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Revoked, Time
from pgward.ca.service.routes import hosts

router = strict.router("machines: administration")


class EdgeInfo(BaseModel):
    """An edge, the names in its certificate, and when the newest one ends (``not_after``).

    ``sessions`` run through it, of those that it puts on record.
    """

    name: str
    address: str | None
    dns: list[str] = Field(default_factory=list)
    ips: list[str] = Field(default_factory=list)
    enrolled_at: Time
    last_seen_at: Time | None
    snapshot_version: int | None
    not_after: Time | None
    sessions: int = 0


class Edges(BaseModel):
    """All edges, by name, and the version of the configuration that they should have."""

    edges: list[EdgeInfo]
    version: int


@router.get("/edges", summary="List edges")
def every(context: Current, _by: Administrator) -> Edges:
    """Return the edges with what they last told of themselves."""
    with context.store.read() as connection:
        version = context.store.version()
        found = machines.edges(connection)
        ends = machines.expiries(connection, Kind.EDGE)
        running = sessions.running(connection)
    return Edges(
        version=version,
        edges=[
            EdgeInfo(
                name=edge.name,
                address=edge.advertise,
                dns=list(edge.dns),
                ips=list(edge.ips),
                enrolled_at=edge.enrolled_at,
                last_seen_at=edge.last_seen_at,
                snapshot_version=edge.snapshot_version,
                not_after=ends.get(edge.name),
                sessions=running.get(edge.name, 0),
            )
            for edge in found
        ],
    )


@router.delete("/edges/{name}", summary="Remove an edge")
def remove(context: Current, by: Administrator, name: str) -> Revoked:
    """Forget an edge and revoke its certificates."""
    return hosts.removed(context, by, Kind.EDGE, name)
