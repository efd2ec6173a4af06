"""One's own database sessions: which there are and were, what was said in them, and ending one.

Recordings are not among it: they hold answers, also such as this person may see no more.
"""

from anyio.to_thread import run_sync

from pgward.ca.archive.sessions import Owner, SessionFilter
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.service import strict
from pgward.ca.service.auth import Person
from pgward.ca.service.context import Current
from pgward.ca.service.routes import database_sessions as sessions
from pgward.ca.service.routes import recordings
from pgward.ca.service.routes.database_sessions import (
    DatabaseSessions,
    SessionRecords,
    ShownSession,
)
from pgward.ca.service.routes.recordings import EndReply, EndRequest

router = strict.router("people")


class OwnEndRequest(EndRequest):
    """Why an own session is to end; ``force`` cuts statements off."""

    reason: recordings.Why = "you ended the session"


@router.get("/me/database-sessions", summary="List the own database sessions")
def every(
    *,
    context: Current,
    by: Person,
    service: sessions.Word = None,
    edge: sessions.Word = None,
    database: sessions.Word = None,
    since: sessions.When = None,
    until: sessions.When = None,
    open: bool | None = None,  # noqa: A002 - what people call it
    status: sessions.Status = None,
    errors: bool | None = None,
    denied: bool | None = None,
    about: sessions.Word = None,
    limit: sessions.Limit = 100,
    cursor: sessions.Cursor = None,
) -> DatabaseSessions:
    """Return own sessions that edges put on record; ``open`` chooses those that run, or ended."""
    names = (None, service, edge, database, since, until, open, None)
    wanted = SessionFilter(*names, status, errors, denied, about, _owner(by))
    return sessions.listed(context, wanted, limit, cursor)


@router.get("/me/database-sessions/{session}", summary="Show an own database session")
def one(
    context: Current, by: Person, session: sessions.Id, edge: sessions.Word = None
) -> ShownSession:
    """Return one session."""
    return sessions.shown(context, session, edge, _owner(by))


@router.get(
    "/me/database-sessions/{session}/records", summary="Read what was said in an own session"
)
async def records(
    context: Current,
    by: Person,
    session: sessions.Id,
    part: sessions.Chosen,
    edge: sessions.Word = None,
) -> SessionRecords:
    """Return its records; ``only`` chooses those that failed, or were denied."""
    found = await run_sync(sessions.shown, context, session, edge, _owner(by))
    return await sessions.said(context, by, found, part)


@router.post("/me/database-sessions/{session}/end", summary="End an own database session")
def end(context: Current, by: Person, session: sessions.Id, body: OwnEndRequest) -> EndReply:
    """Have its edge end it: between statements, unless forced."""
    return recordings.ended(context, by, session, body, _owner(by))


def _owner(by: LoginSession) -> Owner:
    return Owner(by.user.name, by.user.created_at)
