"""``/sessions/EDGE/ID``: one session, what is said in it as it is said, and its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Path, Query, Response
from pydantic import Field

from pgward.audit.recording import told
from pgward.audit.recording.told import Outcome, Said, Told
from pgward.audit.sound import sound
from pgward.ca.service import errors
from pgward.ca.service.routes.database_sessions import Part, SessionRecords, ShownSession
from pgward.client.phrases import when
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import ConflictError, InvalidInputError, PgwardError
from pgward.portal.pages.sessions import access, lists
from pgward.portal.web import route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Signed

router = route.router()
MOST = 50
_SILENT = timedelta(seconds=75)  # an edge asks every 30 s, and that is noted every 20 s
_HIDDEN = frozenset({"TEXT", "RECORDING"})
_NO_STATEMENTS = frozenset({"SESSION_START", "SESSION_END", "CANCEL", "NOTICE", "GAP"})
Edge = Annotated[str, Path(max_length=63)]
Id = Annotated[str, Path(max_length=256)]
_Text = Annotated[str, Query(max_length=500)]
_Cursor = Annotated[str, Query(max_length=200)]


class End(Form):
    """Why a session is to end, and whether at once."""

    reason: Annotated[str, Field(max_length=200)] = ""
    force: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A record in words: a statement and how it ended, or something else that is told.

    ``at`` is in seconds since the session began.
    """

    time: datetime
    at: float
    of: Mapping[str, Any]
    said: Said | None
    outcome: Outcome | None
    told: str


@router.get("/sessions/{edge}/{session}")
async def show(
    *,
    frame: Signed,
    edge: Edge,
    session: Id,
    only: _Text = "",
    text: _Text = "",
    order: _Text = "newest",
    cursor: _Cursor = "",
) -> Response:
    """Show a session, and what was said in it."""
    found = await run_sync(access.one, frame, edge, session)
    part = Part(
        only if only in {"error", "denied"} else None,
        text.strip() or None,
        "oldest" if order == "oldest" else "newest",
        MOST,
        cursor or None,
    )
    problem, said = None, SessionRecords(records=[], cursor=None, lost=0)
    try:
        said = await access.said(frame, edge, session, part)
    except InvalidInputError as error:
        problem = error
    return await run_sync(lambda: _page(frame, found, part, said, problem))


@router.post("/sessions/{edge}/{session}/end")
def end(frame: Signed, edge: Edge, session: Id) -> Response:
    """End a session."""
    form = frame.form(End)
    path = lists.line(access.one(frame, edge, session), frame.context.now()).path
    try:
        done = access.end(frame, edge, session, form.reason.strip(), force=form.force)
    except ConflictError:
        return frame.go(path, "It has ended already.", "warning")
    moment = "at once" if form.force else "once no statement and no transaction is under way"
    now = frame.context.now()
    if done.edge_seen_at is None or now - done.edge_seen_at <= _SILENT:
        return frame.go(path, f"The edge {done.edge} is told to end it {moment}.")
    seen = when(done.edge_seen_at, now)
    words = f"The edge {done.edge} was last heard of {seen}, and ends it when it is back."
    return frame.go(path, words, "warning")


def item(record: Mapping[str, Any], began: datetime) -> Item | None:
    """Return a record in words; None for one that is only for machines."""
    kind = record.get("type")
    if kind in _HIDDEN or (kind == "PARSE" and record.get("status") in {None, "ok"}):
        return None
    time = parse_rfc3339(record["time"])
    at = max(0.0, (time - began).total_seconds())
    if kind in _NO_STATEMENTS:
        return Item(time, at, record, None, None, _told(record).text)
    return Item(time, at, record, Said(record), Outcome(record), "")


def _told(record: Mapping[str, Any]) -> Told:
    if record["type"] == "SESSION_START":
        return Told("the session began")
    return told.end(record) if record["type"] == "SESSION_END" else told.about(record)


def _page(
    frame: Frame,
    found: ShownSession,
    part: Part,
    said: SessionRecords,
    problem: PgwardError | None,
) -> Response:
    now = frame.context.now()
    shown = lists.line(found, now)
    items = [item(sound(each), shown.began) for each in said.records]
    return frame.show(
        "sessions/one.html",
        status=200 if problem is None else errors.status(problem),
        session=found,
        shown=shown,
        items=[each for each in items if each is not None],
        lost=said.lost,
        part_of=part,
        first=frame.link(cursor=None) if part.cursor else None,
        next=frame.link(cursor=said.cursor) if said.cursor else None,
        is_live=found.ended_at is None and not part.cursor and part.order == "newest",
        all=access.is_auditor(frame),
        may_end=access.may_end(frame, found),
        problem=problem,
    )
