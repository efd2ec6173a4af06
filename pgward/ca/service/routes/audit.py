"""The audit log, as auditors read it."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from pgward.ca.service import strict
from pgward.ca.service.auth import Auditor
from pgward.ca.service.context import Current
from pgward.ca.store import audit

router = strict.router("audit")
Word = Annotated[str | None, Query(max_length=200)]


class Events(BaseModel):
    """Events in the order of ``seq``, which has no gaps."""

    events: list[dict[str, Any]]


@router.get("/audit", summary="Read the audit log")
def events(
    context: Current,
    _by: Auditor,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="a seq")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    action: Word = None,
    actor: Word = None,
) -> Events:
    """Return events after a seq, or else the newest; ``action`` ``user.*`` matches all such."""
    with context.store.read() as connection:
        found = audit.events(connection, after=after, limit=limit, action=action, actor=actor)
    return Events(events=found)
