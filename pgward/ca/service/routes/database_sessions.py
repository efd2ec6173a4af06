"""Database sessions, as auditors see them: who was connected to what, when, and how it ended."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Depends, Path, Query
from pydantic import BaseModel

from pgward.ca.archive import sessions
from pgward.ca.archive.index import Wanted
from pgward.ca.archive.matching import Text
from pgward.ca.archive.search import Page
from pgward.ca.archive.sessions import Owner, SessionFilter
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.recordings import reading
from pgward.ca.service import strict
from pgward.ca.service.auth import Auditor
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Moment, Time
from pgward.core.clock import parse_rfc3339

router = strict.router("audit")
Word = Annotated[str | None, Query(max_length=256)]
When = Annotated[Moment | None, Query()]
Status = Annotated[str | None, Query(pattern="^(ok|error|unknown)$")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=400)]
Id = Annotated[str, Path(max_length=256)]
_MARGIN = timedelta(minutes=1)  # of records before the first and behind the last of a session
_MOST_RECORDS = 500


@dataclass(frozen=True, slots=True)
class Part:
    """Which of a session's records, and in which order."""

    only: str | None = None
    contains: str | None = None
    order: str = "newest"
    limit: int = 100
    cursor: str | None = None


def _part(
    *,
    only: Annotated[str | None, Query(pattern="^(error|denied)$")] = None,
    contains: Annotated[str | None, Query(min_length=1, max_length=500)] = None,
    order: Annotated[str, Query(pattern="^(newest|oldest)$")] = "newest",
    limit: Annotated[int, Query(ge=1, le=_MOST_RECORDS)] = 100,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Part:
    return Part(only, contains, order, limit, cursor)


Chosen = Annotated[Part, Depends(_part)]


class Rates(BaseModel):
    """What came in a second, over the last 15 to 30 seconds."""

    statements: float
    rows: float
    bytes: float


class DatabaseSession(BaseModel):
    """One PostgreSQL connection through an edge; times are RFC 3339 with microseconds.

    ``ended_at`` is null as long as it runs. ``status`` and ``sqlstate`` tell how it ended.
    ``recorded`` tells whether anything of a recording is here, ``active_at`` when something came
    last; ``rates`` are of those that run.
    """

    id: str
    edge: str
    user: str | None
    service: str | None
    database: str | None
    role: str | None
    client: str | None
    application: str | None
    started_at: str
    ended_at: str | None
    status: str | None
    sqlstate: str | None
    end_reason: str | None
    statements: int
    errors: int
    denied: int
    rows: int
    bytes: int
    recorded: bool
    active_at: Time
    rates: Rates | None


class Recorded(BaseModel):
    """How much of a session is recorded: ``missing`` pieces never came, or not yet."""

    pieces: int
    events: int
    bytes: int
    missing: int
    complete: bool


class ShownSession(DatabaseSession):
    """A session, and its recording if it has one."""

    recording: Recorded | None


class DatabaseSessions(BaseModel):
    """Sessions, those that began last first; ``cursor`` leads to the next page."""

    sessions: list[DatabaseSession]
    cursor: str | None


class SessionRecords(BaseModel):
    """Records of a session as its edge wrote them; ``lost`` are chunks that cannot be read."""

    records: list[dict[str, Any]]
    cursor: str | None
    lost: int


@router.get("/database-sessions", summary="List database sessions")
def every(
    *,
    context: Current,
    _by: Auditor,
    user: Word = None,
    service: Word = None,
    edge: Word = None,
    database: Word = None,
    since: When = None,
    until: When = None,
    open: bool | None = None,  # noqa: A002 - what people call it
    recorded: bool | None = None,
    status: Status = None,
    errors: bool | None = None,
    denied: bool | None = None,
    about: Word = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> DatabaseSessions:
    """Return sessions that edges put on record; ``open`` chooses those that run, or ended.

    ``errors`` and ``denied`` tell whether there were any; ``about`` stands in any of the names.
    """
    names = (user, service, edge, database, since, until, open, recorded)
    return listed(context, SessionFilter(*names, status, errors, denied, about), limit, cursor)


def listed(
    context: Context, wanted: SessionFilter, limit: int, cursor: str | None
) -> DatabaseSessions:
    """Return a page of sessions."""
    with context.store.read() as connection:
        found = sessions.find(connection, wanted, limit=limit, before=cursor)
    more = sessions.place(found[-1]) if len(found) == limit else None
    told = [DatabaseSession(**each, rates=_rates(each, context.now())) for each in found]
    return DatabaseSessions(sessions=told, cursor=more)


def _rates(found: Mapping[str, Any], now: datetime) -> Rates | None:
    if found["ended_at"] is not None:
        return None
    rates = found["lately"].rates(parse_rfc3339(found["started_at"]), now)
    return Rates(**dict(zip(Rates.model_fields, rates, strict=True)))


@router.get("/database-sessions/{session}", summary="Show a database session")
def one(context: Current, _by: Auditor, session: Id, edge: Word = None) -> ShownSession:
    """Return one session; its records are found by its id."""
    return shown(context, session, edge)


def shown(
    context: Context, session: str, edge: str | None, owner: Owner | None = None
) -> ShownSession:
    """Return one session, if it is the owner's; raise NotFoundError."""
    with context.store.read() as connection:
        found = sessions.get(connection, session, edge, owner)
        recorded = reading.summary(connection, found["edge"], session)
    kept = None if recorded is None else Recorded(**recorded)
    return ShownSession(**found, recording=kept, rates=_rates(found, context.now()))


@router.get("/database-sessions/{session}/records", summary="Read what was said in a session")
async def records(
    context: Current, by: Auditor, session: Id, part: Chosen, edge: Word = None
) -> SessionRecords:
    """Return a session's records; ``only`` chooses those that failed, or were denied."""
    return await said(context, by, await run_sync(shown, context, session, edge), part)


async def said(
    context: Context, by: LoginSession, found: ShownSession, part: Part
) -> SessionRecords:
    """Return records of a session, once it is on record who reads them."""
    await run_sync(_note, context, by, found)
    until = None if found.ended_at is None else parse_rfc3339(found.ended_at) + _MARGIN
    search = partial(
        context.archive.search.page,
        Wanted(
            since=parse_rfc3339(found.started_at) - _MARGIN,
            until=until,
            edge=found.edge,
            session=found.id,
            status=part.only,
        ),
        Text(part.contains),
        limit=part.limit,
        newest=part.order == "newest",
        cursor=part.cursor,
    )
    page = await run_sync(search, limiter=context.archive.searching)
    return await run_sync(_read, page)  # there may be many megabytes of it


def _read(page: Page) -> SessionRecords:
    lines = [json.loads(line) for line in page.lines]
    return SessionRecords(records=lines, cursor=page.cursor, lost=len(page.lost))


def _note(context: Context, by: LoginSession, found: ShownSession) -> None:
    """Put on record who reads, once for all pages that follow."""
    reading_of = (by.id, found.edge, found.id, "records")
    if context.recordings.is_news(*reading_of, now=context.monotonic()):
        with context.acts.act(by.user.name, "audit.search", found.id) as act:
            act.details |= {"edge": found.edge, "session": found.id, "user": found.user}
