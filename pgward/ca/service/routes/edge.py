"""What edges do: follow their configuration, and deliver their audit events."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from pgward.audit.events import EDGE_ACTIONS, AuditEvent
from pgward.ca.identity import machines
from pgward.ca.identity.machines import Machine
from pgward.ca.service import strict
from pgward.ca.service.auth import Edge
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body
from pgward.ca.store import audit
from pgward.core.errors import InvalidInputError

router = strict.router("machines")
MAX_EVENTS = 1000
MAX_EVENTS_BODY = 1024 * 1024


class SnapshotReply(BaseModel):
    """A signed snapshot: compact JWS."""

    snapshot: str


class EventsRequest(Body):
    """A batch of audit events; 1 MiB at most."""

    events: Annotated[list[Any], Field(max_length=MAX_EVENTS)]


class RefusedEvent(BaseModel):
    """An event that cannot be stored, by its place in the batch: sending it again is no use."""

    index: int
    message: str


class EventsReply(BaseModel):
    """Ids that are stored now, whether by this request or an earlier one."""

    accepted: list[str]
    refused: list[RefusedEvent]


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
) -> Any:
    """Return the configuration as soon as its version is above ``after`` (long poll)."""
    await run_sync(_seen, context, edge, after)
    version = await context.changes.wait(after, wait)
    if version <= after:
        return Response(status_code=204)
    return SnapshotReply(snapshot=await run_sync(context.snapshots.get, edge.name, version))


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
    good: list[AuditEvent] = []
    refused: list[RefusedEvent] = []
    for index, data in enumerate(body.events):
        try:
            good.append(_witnessed(AuditEvent.from_json(data)))
        except InvalidInputError as error:
            refused.append(RefusedEvent(index=index, message=error.message))
    if good:
        with context.store.write() as transaction:
            audit.add_new(transaction, good, source=edge.actor)
    return EventsReply(accepted=[event.id for event in good], refused=refused)


def _witnessed(event: AuditEvent) -> AuditEvent:
    """Return an event that an edge can have seen; it must not tell of what the CA did."""
    if event.action not in EDGE_ACTIONS:
        raise InvalidInputError(f"an edge does not see {event.action!r}")
    return event


def _seen(context: Context, edge: Machine, version: int) -> None:
    now, known = context.now(), version or None
    if machines.seen_needs_writing(edge, known, now):
        with context.store.write() as transaction:
            machines.seen(transaction, edge, known, now)
