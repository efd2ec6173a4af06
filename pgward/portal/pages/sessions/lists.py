"""``/sessions`` and ``/sessions/past``: what runs now, and what ran."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query, Response

from pgward.ca.service import errors
from pgward.ca.service.routes.database_sessions import DatabaseSession, DatabaseSessions
from pgward.client.phrases import duration
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError
from pgward.portal.pages.sessions import access
from pgward.portal.web import route
from pgward.portal.web.frame import Frame, Signed

router = route.router()
MOST = 50
_MOST_LIVE = 100  # of which a page stays below a hundred kilobytes
STATES: dict[str, dict[str, Any]] = {
    "": {},
    "ok": {"status": "ok"},
    "cut": {"status": "error"},
    "unknown": {"status": "unknown"},
    "errors": {"errors": True},
    "denied": {"denied": True},
}
"""What the filter of states offers, and what the API calls it."""
_Word = Annotated[str, Query(max_length=256)]
_Cursor = Annotated[str, Query(max_length=400)]


@dataclass(frozen=True, slots=True)
class Line:
    """A session in words; ``kind`` is how its state looks, ``quiet`` since when nothing came."""

    of: DatabaseSession
    path: str
    began: datetime
    lasted: str
    quiet: str
    state: str
    kind: str


@router.get("/sessions")
def live(frame: Signed, user: _Word = "", service: _Word = "", about: _Word = "") -> Response:
    """Show the sessions that run."""
    wanted = chosen(frame, user=user, service=service, about=about)
    found = access.listed(frame, **wanted, open=True, limit=_MOST_LIVE)
    return frame.show(
        "sessions/live.html",
        **_about(frame, found),
        given={"user": user, "service": service, "about": about},
        most=_MOST_LIVE,
    )


@router.get("/sessions/past")
def past(
    *,
    frame: Signed,
    user: _Word = "",
    service: _Word = "",
    edge: _Word = "",
    about: _Word = "",
    state: _Word = "",
    since: _Word = "",
    until: _Word = "",
    recorded: _Word = "",
    cursor: _Cursor = "",
) -> Response:
    """Show sessions that ended, those that began last first."""
    given = {"user": user, "service": service, "edge": edge, "about": about}
    times = {"since": since, "until": until}
    problem, found = None, DatabaseSessions(sessions=[], cursor=None)
    try:
        wanted = chosen(frame, **given, recorded=recorded) | _times(**times) | _state(state)
        found = access.listed(frame, **wanted, open=False, limit=MOST, cursor=cursor or None)
    except InvalidInputError as error:
        problem = error
    return frame.show(
        "sessions/past.html",
        status=200 if problem is None else errors.status(problem),
        **_about(frame, found),
        given={**given, **times, "state": state, "recorded": recorded, "cursor": cursor},
        problem=problem,
        first=frame.link(cursor=None) if cursor else None,
        next=frame.link(cursor=found.cursor) if found.cursor else None,
    )


def chosen(frame: Frame, *, recorded: str = "", **given: str) -> dict[str, Any]:
    """Return what the API is asked for; what only auditors may choose by is left out for others."""
    wanted: dict[str, Any] = {name: text.strip() for name, text in given.items() if text.strip()}
    if not access.is_auditor(frame):
        wanted.pop("user", None)
    elif recorded:
        wanted["recorded"] = True
    return wanted


def line(session: DatabaseSession, now: datetime) -> Line:
    """Return a session in words."""
    began = parse_rfc3339(session.started_at)
    until = now if session.ended_at is None else parse_rfc3339(session.ended_at)
    state, kind = _ended(session)
    path = f"/sessions/{quote(session.edge, safe='')}/{quote(session.id, safe='')}"
    lasted, quiet = (max(until - each, timedelta()) for each in (began, session.active_at))
    return Line(session, path, began, duration(lasted), duration(quiet), state, kind)


def _ended(session: DatabaseSession) -> tuple[str, str]:
    if session.ended_at is None:
        return "runs", "good"
    if session.status == "error":
        return f"cut off, {session.sqlstate}" if session.sqlstate else "cut off", "bad"
    return ("ended", "") if session.status == "ok" else ("its end is unknown", "warn")


def _about(frame: Frame, found: DatabaseSessions) -> dict[str, Any]:
    now = frame.context.now()
    return {
        "lines": [line(each, now) for each in found.sessions],
        "all": access.is_auditor(frame),
    }


def _state(word: str) -> dict[str, Any]:
    if word not in STATES:
        raise InvalidInputError("there is no such state of a session")
    return STATES[word]


def _times(since: str, until: str) -> dict[str, datetime]:
    """Return times of days in UTC, of which the last is within; raise InvalidInputError."""
    found = {}
    if since:
        found["since"] = _day(since)
    if until:
        found["until"] = _day(until, 1)
    return found


def _day(text: str, later: int = 0) -> datetime:
    try:
        day = date.fromisoformat(text) + timedelta(days=later)
        return datetime.combine(day, time(), UTC)
    except (ValueError, OverflowError):
        raise InvalidInputError(f"{text!r} is no day", hint="write it as 2026-11-23") from None
