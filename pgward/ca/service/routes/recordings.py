"""Recordings of database sessions, as auditors read them; and ending a session."""

import json
import time
from functools import partial
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Path, Query, Response
from pydantic import BaseModel, Field

from pgward.ca.archive import sessions
from pgward.ca.archive.sessions import Owner
from pgward.ca.identity import machines
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.recordings import endings, keys, reading
from pgward.ca.recordings.endings import Ending
from pgward.ca.recordings.reading import Page
from pgward.ca.records import Kind
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Auditor
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Flag, Storable, Time
from pgward.core.errors import NotFoundError

router = strict.router("audit")
LONGEST_WAIT = 25.0
NDJSON = "application/x-ndjson"
SessionId = Annotated[str, Path(max_length=256)]
Edge = Annotated[str | None, Query(max_length=63)]
Why = Annotated[str, Field(min_length=1, max_length=200), Storable]


class EndRequest(Body):
    """Why a session is to end, for who is in it; ``force`` cuts statements off."""

    reason: Why = "an administrator ended the session"
    force: Flag = False
    edge: Annotated[str, Field(max_length=63), Storable] | None = None


class EndReply(BaseModel):
    """The edge that is told as soon as it asks, and when it last asked."""

    session: str
    edge: str
    edge_seen_at: Time | None


class RotatedKey(BaseModel):
    """For whom edges encrypt recordings now, and for whom they did before."""

    recipient: str
    before: str | None


@router.get(
    "/database-sessions/{session}/recording",
    summary="Read the recording of a database session",
    response_class=Response,
    responses={200: {"content": {NDJSON: {}}, "description": "events, and at last the page"}},
)
async def recording(
    *,
    context: Current,
    by: Auditor,
    session: SessionId,
    edge: Edge = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="a piece")] = 0,
    purpose: Annotated[str, Query(pattern="^(play|watch|export)$")] = "play",
    follow: bool = False,
) -> Response:
    """Return the lines of pieces as their edge wrote them, behind a line ``PIECE`` for each.

    The last line is ``{"page": …}``: its ``after`` leads on, and ``ended`` tells that nothing will
    follow. With ``follow`` the answer waits until there is something.
    """
    begin = partial(begun, context, by, session, edge, purpose, follow=follow)
    found = await run_sync(begin)
    until = time.monotonic() + LONGEST_WAIT
    archive = context.archive
    while True:
        page = await run_sync(
            context.recordings.page, found["edge"], session, after, limiter=archive.searching
        )
        left = until - time.monotonic()
        if page.pieces or not follow or left <= 0 or archive.news.closed:
            # A piece may come in later than the record that the session ended: who waited in
            # vain since that was known has waited long enough.
            is_over = not page.pieces and found["ended_at"] is not None
            return _lines(page, ended=page.ended or is_over)
        await archive.news.wait(left)


@router.post("/database-sessions/{session}/end", summary="End a database session")
def end(context: Current, by: Administrator, session: SessionId, body: EndRequest) -> EndReply:
    """Have its edge end a session: between statements, unless forced."""
    return ended(context, by, session, body)


def ended(
    context: Context,
    by: LoginSession,
    session: str,
    body: EndRequest,
    owner: Owner | None = None,
) -> EndReply:
    """Have a session end, if it is the owner's; raise NotFoundError, ConflictError."""
    with context.acts.act(by.user.name, "database-session.end", session) as act:
        found = sessions.get(act.transaction.connection, session, body.edge, owner)
        ending = Ending(found["edge"], session, body.reason, body.force)
        endings.ask(act.transaction, found, ending, now=context.now(), by=by.user.name)
        act.details |= {
            "edge": found["edge"],
            "user": found["user"],
            "service": found["service"],
            "reason": body.reason,
            "force": body.force,
        }
        machine = machines.find(act.transaction.connection, Kind.EDGE, found["edge"])
    seen = None if machine is None else machine.last_seen_at
    return EndReply(session=session, edge=found["edge"], edge_seen_at=seen)


@router.post("/recording-key/rotate", summary="Encrypt recordings for a new key")
def rotate_key(context: Current, by: Administrator) -> RotatedKey:
    """Make a new key, of which edges hear at once; those before stay, to read what they lock."""
    with context.acts.act(by.user.name, "recording.rotate-key") as act:
        done = keys.rotate(act.transaction, context.desk.sealer, now=context.now())
        act.details |= {"recipient": done.recipient, "before": done.before}
    return RotatedKey(recipient=done.recipient, before=done.before)


def begun(
    context: Context,
    by: LoginSession,
    session: str,
    edge: str | None,
    purpose: str,
    *,
    follow: bool,
) -> dict[str, Any]:
    """Return the session, once it is on record who reads its recording; raise NotFoundError."""
    with context.store.read() as connection:
        found = sessions.get(connection, session, edge)
        recorded = reading.summary(connection, found["edge"], session)
    if recorded is None and found["ended_at"] is not None:
        raise NotFoundError(
            f"session {session} has no recording",
            hint="what was said in it may be in the audit: pgward audit search --session",
        )
    if recorded is None and not follow:
        raise NotFoundError(
            f"nothing is recorded of session {session} yet",
            hint="--follow waits for it; what was said is in the audit: pgward audit tail",
        )
    news = (by.id, found["edge"], session, purpose)
    if context.recordings.is_news(*news, now=context.monotonic()):
        with context.acts.act(by.user.name, f"recording.{purpose}", session) as act:
            act.details |= {name: found[name] for name in ("edge", "user", "service")}
    return found


def _lines(page: Page, *, ended: bool) -> Response:
    told = {"after": page.after, "pieces": page.pieces, "ended": ended}
    last = json.dumps({"page": told}, separators=(",", ":")).encode() + b"\n"
    return Response(page.data + last, media_type=NDJSON)
