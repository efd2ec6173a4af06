"""Logging in with a password."""

from datetime import timedelta
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import Depends
from pydantic import BaseModel

from pgward.ca import caller
from pgward.ca.identity import directory, sessions
from pgward.ca.identity.directory import User
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.service import auth, strict
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Name, Password, Time, UserSummary
from pgward.core.clock import rfc3339
from pgward.core.errors import DeniedError, PgwardError
from pgward.pki.proof import Proof

router = strict.router("login")
# Another login at the same time may have hashed the same password anew.
_TRIES = 3


class LoginRequest(Body):
    """Who logs in, and how it is proved."""

    method: Literal["password"] = "password"
    user: Name
    password: Password


class LoginReply(BaseModel):
    """A new login session; the token works only with the key of the request's proof."""

    token: str
    expires_at: Time
    user: UserSummary


@router.post("/login", summary="Log in")
async def login(
    context: Current,
    body: LoginRequest,
    proof: Annotated[Proof, Depends(auth.login_proof)],
) -> LoginReply:
    """Check the password and start a login session bound to the device's key.

    An unknown user, a wrong password and a blocked user get the same answer (403).
    """
    context.throttle.begin(caller.client.get(), body.user, context.monotonic())
    password = body.password.get_secret_value()
    for _ in range(_TRIES):
        user, encoded = await _verified(context, body.user, password)
        context.throttle.succeeded(caller.client.get(), body.user)
        renewed = None
        if context.workers.passwords.is_outdated(encoded):
            renewed = await context.workers.hash(password)
        started = await run_sync(_start, context, user, encoded, renewed, proof)
        if started is not None:
            session, token = started
            who = UserSummary.of(session.user)
            return LoginReply(token=token, expires_at=session.expires_at, user=who)
    raise DeniedError("the password was changed during the login", hint="pgward login")


async def _verified(context: Context, name: str, password: str) -> tuple[User, str]:
    """Return the person and the hash that the password matched; raise the refusal."""
    user, encoded = await run_sync(_look_up, context, name)
    if not await context.workers.verify(encoded, password) or user is None or encoded is None:
        why = "unknown user" if user is None else "wrong password"
        raise await run_sync(_refuse, context, user, why)
    if user.blocked_at is not None:
        raise await run_sync(_refuse, context, user, "the user is blocked")
    return user, encoded


def _look_up(context: Context, name: str) -> tuple[User | None, str | None]:
    with context.store.read() as connection:
        return directory.find(connection, name), directory.password_hash(connection, name)


def _refuse(context: Context, user: User | None, why: str) -> PgwardError:
    """Record why, and return what the caller may know: always the same."""
    # What an unknown person typed is not recorded: it may be a password in the wrong field.
    actor = user.name if user is not None else caller.UNKNOWN
    context.acts.refused(actor, "session.start", None, DeniedError(why), {"method": "password"})
    return DeniedError(
        "wrong user name or password", hint="an administrator can set a new password"
    )


def _start(
    context: Context, user: User, encoded: str, renewed: str | None, proof: Proof
) -> tuple[LoginSession, str] | None:
    """Start a session; None when the hash is another one by now, which must be verified first."""
    now = context.now()
    with context.acts.act(user.name, "session.start") as act:
        transaction = act.transaction
        fresh = directory.get(transaction.connection, user.name)
        if directory.password_hash(transaction.connection, user.name) != encoded:
            act.worth_recording = False
            return None
        if renewed is not None:
            directory.set_password(transaction, user.name, renewed, now=now, changed=False)
        session, token = sessions.start(
            transaction,
            fresh,
            thumbprint=proof.thumbprint,
            method="password",
            client=caller.client.get(),
            now=now,
            lifetime=timedelta(hours=context.authority.settings.login.session_hours),
        )
        act.target = session.id
        act.details |= {
            "method": "password",
            "device": proof.thumbprint,
            "expires_at": rfc3339(session.expires_at),
        }
    return session, token
