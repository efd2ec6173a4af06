"""The audit log as auditors search it: by what happened, and how much of it."""

from typing import Annotated, Any

from fastapi import Depends, Path, Query
from pydantic import BaseModel

from pgward.audit.events import Outcome
from pgward.ca.service import strict
from pgward.ca.service.auth import Auditor
from pgward.ca.service.context import Current
from pgward.ca.service.models import Moment, Storable, Time
from pgward.ca.store import audit_searching
from pgward.ca.store.audit_numbers import Unit
from pgward.ca.store.audit_searching import EventFilter

router = strict.router("audit")
Word = Annotated[str | None, Query(max_length=1024), Storable]
When = Annotated[Moment | None, Query()]
MOST_EVENTS = 1000
MOST_BUCKETS = 400


class FoundEvents(BaseModel):
    """Events, the newest first; ``cursor`` leads on. A page may end before it is full."""

    events: list[dict[str, Any]]
    cursor: str | None


class FacetsReply(BaseModel):
    """How many of the newest ``counted`` events have which value; ``all``: there are no more."""

    counted: int
    all: bool
    values: dict[str, list[tuple[str, int]]]


class NumbersModel(BaseModel):
    """What happened in an hour or a day that began ``at``.

    ``denials`` are refusals of the authority and of edges, and statements that a policy refused.
    Database sessions count when they began, with all their statements.
    """

    at: Time
    logins: int
    failed_logins: int
    sessions: int
    statements: int
    errors: int
    denials: int


class NumbersReply(BaseModel):
    """Hours or days that follow each other; the last one is not over yet."""

    numbers: list[NumbersModel]


def _wanted(
    *,
    since: When = None,
    until: When = None,
    action: Word = None,
    actor: Word = None,
    outcome: Outcome | None = None,
    source: Word = None,
    target: Word = None,
    contains: Annotated[str | None, Query(min_length=1, max_length=500), Storable] = None,
) -> EventFilter:
    return EventFilter(since, until, action, actor, outcome, source, target, contains)


Filters = Annotated[EventFilter, Depends(_wanted)]


@router.get("/audit/events", summary="Search the audit log")
def search(
    context: Current,
    _by: Auditor,
    wanted: Filters,
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 100,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> FoundEvents:
    """Return events by time, the newest first; ``action`` ``user.*`` matches all such."""
    with context.store.read() as connection:
        found = audit_searching.page(connection, wanted, limit=limit, cursor=cursor)
    return FoundEvents(events=found.events, cursor=found.cursor)


@router.get("/audit/events/facets", summary="Count values in the audit log")
def facets(context: Current, _by: Auditor, wanted: Filters) -> FacetsReply:
    """Return which actions, actors, outcomes and sources the newest of such events have."""
    with context.store.read() as connection:
        found = audit_searching.facets(connection, wanted)
    values = {name: list(each) for name, each in found.values.items()}
    return FacetsReply(counted=found.counted, all=found.is_all, values=values)


@router.get("/audit/events/{seq}", summary="Show an event of the audit log")
def show(
    context: Current, _by: Auditor, seq: Annotated[int, Path(ge=1, le=2**62)]
) -> dict[str, Any]:
    """Return one event by its number."""
    with context.store.read() as connection:
        return audit_searching.one(connection, seq)


@router.get("/audit/numbers", summary="Count logins, sessions, statements and denials")
def numbers(
    context: Current,
    _by: Auditor,
    by: Unit = "hour",
    number: Annotated[int, Query(ge=1, le=MOST_BUCKETS)] = 24,
) -> NumbersReply:
    """Return how much happened in each of the last hours or days, in UTC.

    What was long ago is counted anew every ten minutes.
    """
    found = context.archive.tally.numbers(context.now(), number, by)
    return NumbersReply(
        numbers=[
            NumbersModel(at=at, **{name: getattr(each, name) for name in each.__slots__})
            for at, each in found.items()
        ]
    )
