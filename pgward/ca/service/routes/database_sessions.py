"""Database sessions, as auditors see them: who was connected to what, when, and how it ended."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel

from pgward.ca.archive import sessions
from pgward.ca.archive.sessions import SessionFilter
from pgward.ca.recordings import reading
from pgward.ca.service import strict
from pgward.ca.service.auth import Auditor
from pgward.ca.service.context import Current
from pgward.ca.service.models import Moment

router = strict.router("audit")
Word = Annotated[str | None, Query(max_length=256)]
When = Annotated[Moment | None, Query()]


class DatabaseSession(BaseModel):
    """One PostgreSQL connection through an edge; times are RFC 3339 with microseconds.

    ``ended_at`` is null as long as it runs. ``status`` and ``sqlstate`` tell how it ended.
    ``recorded`` tells whether anything of a recording is here.
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
    recorded: bool


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
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> DatabaseSessions:
    """Return sessions that edges put on record; ``open`` chooses those that run, or ended."""
    wanted = SessionFilter(user, service, edge, database, since, until, open, recorded)
    with context.store.read() as connection:
        found = sessions.find(connection, wanted, limit=limit, before=cursor)
    more = sessions.place(found[-1]) if len(found) == limit else None
    return DatabaseSessions(sessions=[DatabaseSession(**each) for each in found], cursor=more)


@router.get("/database-sessions/{session}", summary="Show a database session")
def one(
    context: Current,
    _by: Auditor,
    session: Annotated[str, Path(max_length=256)],
    edge: Word = None,
) -> ShownSession:
    """Return one session; its records are found by its id."""
    with context.store.read() as connection:
        found = sessions.get(connection, session, edge)
        recorded = reading.summary(connection, found["edge"], session)
    kept = None if recorded is None else Recorded(**recorded)
    return ShownSession(**found, recording=kept)
