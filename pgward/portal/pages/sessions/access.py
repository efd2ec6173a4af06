"""Whose sessions somebody may see: auditors see all, everybody else their own.

Each function is one of the API's for auditors, or the one for people that is its like.
"""

from typing import Any

from pgward.ca.identity import directory
from pgward.ca.service import auth
from pgward.ca.service.routes import database_sessions, me_database_sessions, recordings
from pgward.ca.service.routes.database_sessions import (
    DatabaseSessions,
    Part,
    SessionRecords,
    ShownSession,
)
from pgward.ca.service.routes.me_database_sessions import OwnEndRequest
from pgward.ca.service.routes.recordings import EndReply, EndRequest
from pgward.portal.web import forms
from pgward.portal.web.frame import Frame


def is_auditor(frame: Frame) -> bool:
    """Tell whether somebody sees all sessions, and asks as who may."""
    user = frame.me.user
    if not (user.administrator or directory.AUDITORS in user.groups):
        return False
    auth.auditor(frame.context, frame.request, frame.me)
    return True


def listed(frame: Frame, **wanted: Any) -> DatabaseSessions:
    """Return a page of sessions; raise InvalidInputError."""
    if is_auditor(frame):
        return database_sessions.every(context=frame.context, _by=frame.me, **wanted)
    return me_database_sessions.every(context=frame.context, by=frame.me, **wanted)


def one(frame: Frame, edge: str, session: str) -> ShownSession:
    """Return a session; raise NotFoundError."""
    if is_auditor(frame):
        return database_sessions.one(frame.context, frame.me, session, edge)
    return me_database_sessions.one(frame.context, frame.me, session, edge)


async def said(frame: Frame, edge: str, session: str, part: Part) -> SessionRecords:
    """Return what was said in a session; raise NotFoundError, InvalidInputError."""
    if is_auditor(frame):
        return await database_sessions.records(frame.context, frame.me, session, part, edge)
    return await me_database_sessions.records(frame.context, frame.me, session, part, edge)


def may_end(frame: Frame, session: ShownSession) -> bool:
    """Tell whether somebody may end a session: administrators may, and who is in it."""
    user = frame.me.user
    return session.ended_at is None and (user.administrator or session.user == user.name)


def end(frame: Frame, edge: str, session: str, reason: str, *, force: bool) -> EndReply:
    """Have a session end; raise NotFoundError, ConflictError, InvalidInputError."""
    given = {"edge": edge, "force": force, **({"reason": reason} if reason else {})}
    if frame.me.user.administrator:
        auth.administrator(frame.context, frame.request, frame.me)
        body = forms.checked(EndRequest, given)
        return recordings.end(frame.context, frame.me, session, body)
    own = forms.checked(OwnEndRequest, given)
    return me_database_sessions.end(frame.context, frame.me, session, own)
