"""How the databases behind an edge are, as the edge finds and administrators ask."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from pgward.ca.identity import database_health, machines
from pgward.ca.records import Kind
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Edge
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Change, Storable, Time

PATH = "/v1/edge/databases"
MAX_BODY = 1024 * 1024
_MOST = 5000

router = strict.router("machines")
administration = strict.router("machines: administration")
_Service = Annotated[str, Field(min_length=1, max_length=63), Storable]
_Problem = Annotated[str, Field(max_length=1000), Storable]


class DatabasesRequest(Body):
    """Every service whose servers this edge asks: its problem, or null where one answers."""

    services: Annotated[dict[_Service, _Problem | None], Field(max_length=_MOST)]


class DatabaseInfo(BaseModel):
    """What an edge found of a service; `problem` is null where a server of it answers."""

    service: str
    problem: str | None
    since: Time


class Databases(BaseModel):
    """What one edge last told; it holds while `online`."""

    online: bool
    databases: list[DatabaseInfo]


@router.post("/edge/databases", summary="Tell how the databases are")
def tell(context: Current, edge: Edge, body: DatabasesRequest) -> Change:
    """Keep what the edge found; people hear whether a database answers, and not why it does not."""
    with context.store.read() as connection:
        differs = database_health.differs(connection, edge.name, body.services)
    if not differs:
        return Change(change="unchanged")
    with context.store.write() as transaction:
        database_health.keep(transaction, edge.name, body.services, context.now())
    return Change(change="updated")


@administration.get("/edges/{name}/databases", summary="Show how an edge finds its databases")
def shown(
    context: Current, _by: Administrator, name: Annotated[str, Path(max_length=63)]
) -> Databases:
    """Return what the edge last told of each service in mode postgres."""
    with context.store.read() as connection:
        edge = machines.get(connection, Kind.EDGE, name)
        found = database_health.by_edge(connection, edge.name)
    return Databases(
        online=edge.is_online(context.now()),
        databases=[
            DatabaseInfo(service=each.service, problem=each.problem, since=each.since)
            for each in found
        ],
    )
