"""Login sessions: one's own, and an administrator's view of everyone's."""

from pydantic import BaseModel

from pgward.ca.identity import directory, sessions
from pgward.ca.identity.sessions import Listed, LoginSession
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Revoked, Time
from pgward.core.errors import NotFoundError

router = strict.router("login sessions")


class LoginInfo(BaseModel):
    """A login session that lives."""

    id: str
    user: str
    current: bool
    device_id: str | None
    device: str | None
    method: str
    provider: str | None
    factors: list[str]
    reason: str | None
    client: str | None
    created_at: Time
    expires_at: Time

    @classmethod
    def of(cls, found: Listed, asking: LoginSession) -> "LoginInfo":
        """Show a session to who asks."""
        return cls(
            id=found.id,
            user=found.user,
            current=found.id == asking.id,
            device_id=found.device_id,
            device=found.device,
            method=found.method,
            provider=found.provider,
            factors=list(found.factors),
            reason=found.reason,
            client=found.client,
            created_at=found.created_at,
            expires_at=found.expires_at,
        )


class Logins(BaseModel):
    """A person's login sessions, the newest first."""

    logins: list[LoginInfo]


class Ended(Revoked):
    """How many sessions ended, and how many certificates were revoked with them."""

    ended: int


@router.get("/me/logins", summary="List the own login sessions")
def mine(context: Current, by: Person) -> Logins:
    """Return the sessions that live, with device, method and reason."""
    return _list(context, by, by.user.name)


@router.delete("/me/logins", summary="End all other own login sessions")
def end_others(context: Current, by: Person) -> Ended:
    """End all but the session that asks, and revoke their certificates."""
    return _end(context, by, by.user.name, None)


@router.delete("/me/logins/{session}", summary="End an own login session")
def end_mine(context: Current, by: Person, session: str) -> Ended:
    """End a session, and revoke its certificates."""
    return _end(context, by, by.user.name, session)


@router.get("/users/{name}/logins", summary="List a person's login sessions")
def of_person(context: Current, by: Administrator, name: str) -> Logins:
    """Return the sessions that live, with device, method and reason."""
    return _list(context, by, name)


@router.delete("/users/{name}/logins", summary="End a person's login sessions")
def end_all(context: Current, by: Administrator, name: str) -> Ended:
    """End all but the session that asks, and revoke their certificates."""
    return _end(context, by, name, None)


@router.delete("/users/{name}/logins/{session}", summary="End a person's login session")
def end(context: Current, by: Administrator, name: str, session: str) -> Ended:
    """End a session, and revoke its certificates."""
    return _end(context, by, name, session)


def _list(context: Context, by: LoginSession, name: str) -> Logins:
    with context.store.read() as connection:
        user = directory.get(connection, name).name
        found = sessions.living(connection, user, context.now())
    return Logins(logins=[LoginInfo.of(each, by) for each in found])


def _end(context: Context, by: LoginSession, name: str, session: str | None) -> Ended:
    now = context.now()
    with context.acts.act(by.user.name, "session.end", session) as act:
        user = directory.get(act.transaction.connection, name).name
        keep = by.id if session is None else None
        why = "ended by its owner" if user == by.user.name else f"ended by {by.user.name}"
        ended = sessions.end(
            act.transaction, why, now=now, user=user, session_id=session, keep=keep
        )
        if session is not None and not ended:
            raise NotFoundError(f"{user} has no login session {session!r}", hint="pgward logins")
        serials = context.revoker.end_sessions(act.transaction, user, ended, now=now)
        act.target = act.target or user
        act.details |= {"user": user, "sessions": len(ended), "revoked": len(serials)}
    return Ended(ended=len(ended), revoked=len(serials))
