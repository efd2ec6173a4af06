"""Audit events that machines deliver, a batch a request."""

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import BaseModel, Field

from pgward.audit.events import AuditEvent
from pgward.ca.identity.machines import Machine
from pgward.ca.records import Kind
from pgward.ca.reviews import last_uses
from pgward.ca.service.context import Context
from pgward.ca.service.models import Body
from pgward.ca.store import audit
from pgward.core.errors import InvalidInputError

MAX_EVENTS = 1000
MAX_EVENTS_BODY = 1024 * 1024


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


def keep(
    context: Context, machine: Machine, body: EventsRequest, actions: Collection[str]
) -> EventsReply:
    """Store what this kind of machine can have seen; it must not tell of what the CA did."""
    good: list[AuditEvent] = []
    refused: list[RefusedEvent] = []
    for index, data in enumerate(body.events):
        try:
            good.append(_witnessed(AuditEvent.from_json(data), machine, actions))
        except InvalidInputError as error:
            refused.append(RefusedEvent(index=index, message=error.message))
    if good:
        with context.store.write() as transaction:
            audit.add_new(transaction, good, source=machine.actor)
            last_uses.note(transaction, machine, good, context.now())
    return EventsReply(accepted=[event.id for event in good], refused=refused)


def _witnessed(event: AuditEvent, machine: Machine, actions: Collection[str]) -> AuditEvent:
    if event.action not in actions:
        who = "an edge" if machine.kind is Kind.EDGE else "a host"
        raise InvalidInputError(f"{who} does not see {event.action!r}")
    return event
