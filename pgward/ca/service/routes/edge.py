"""What edges do: follow their configuration, and deliver their audit events."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from pgward.audit.events import EDGE_ACTIONS
from pgward.ca.identity import machines, standings
from pgward.ca.identity.machines import Machine
from pgward.ca.service import strict
from pgward.ca.service.auth import Edge
from pgward.ca.service.context import Context, Current
from pgward.ca.service.events import EventsReply, EventsRequest, keep
from pgward.ca.service.models import Body
from pgward.ca.service.standings import CertificateInfo, Serials, listed

router = strict.router("machines")
_TAG = "^[0-9a-f]{32}$"


class SnapshotReply(BaseModel):
    """A signed snapshot: compact JWS. Parts that it names come beside it, where a tag was given."""

    snapshot: str
    parts: Annotated[dict[str, str], Field(description="texts by their digests")] = Field(
        default_factory=dict
    )


@router.get(
    "/edge/snapshot",
    summary="Wait for new configuration",
    response_model=SnapshotReply,
    responses={204: {"description": "nothing newer came in time"}},
)
async def snapshot(
    context: Current,
    edge: Edge,
    after: Annotated[int, Query(ge=0, le=2**62, description="the version at hand")] = 0,
    wait: Annotated[float, Query(ge=0, le=30, description="seconds")] = 0,
    tag: Annotated[
        str | None, Query(pattern=_TAG, description="the tag at hand, or zeros: take it in parts")
    ] = None,
) -> Any:
    """Return the configuration as soon as its version is above ``after`` (long poll)."""
    await run_sync(_seen, context, edge, after)
    if tag is not None:
        told = await context.edge_polls.newer(edge.name, after, tag, wait)
        if told is None:
            return Response(status_code=204)
        return SnapshotReply(snapshot=told.snapshot, parts=told.parts)
    version = await context.changes.wait(after, wait)
    if version <= after:
        return Response(status_code=204)
    return SnapshotReply(snapshot=await run_sync(context.snapshots.get, edge.name, version))


class StandingsRequest(Body):
    """Which certificates sessions began with that have expired since."""

    serials: Serials


class StandingsReply(BaseModel):
    """Those that are known here."""

    certificates: list[CertificateInfo]


@router.post("/edge/standings", summary="Ask whose sessions may go on")
def standing(context: Current, _edge: Edge, body: StandingsRequest) -> StandingsReply:
    """Return how certificates stand, also after they expired, when no list names them."""
    with context.store.read() as connection:
        found = standings.of_certificates(connection, body.serials, context.now())
    return StandingsReply(certificates=listed(found))


async def _batch(request: Request, _edge: Edge) -> EventsRequest:
    """Read a batch, which may be long, once it is known that an edge sends it."""
    return strict.read(await request.body(), EventsRequest)


@router.post(
    "/edge/events",
    summary="Deliver audit events",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": EventsRequest.model_json_schema()}},
        }
    },
)
def events(
    context: Current, edge: Edge, body: Annotated[EventsRequest, Depends(_batch)]
) -> EventsReply:
    """Store events; one that is there already (by its id) counts as accepted."""
    return keep(context, edge, body, EDGE_ACTIONS)


def _seen(context: Context, edge: Machine, version: int) -> None:
    now, known = context.now(), version or None
    if machines.seen_needs_writing(edge, known, now):
        with context.store.write() as transaction:
            machines.seen(transaction, edge, known, now)
