"""Logging in: a conversation, which one request begins and others continue."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends

from pgward.ca.identity import stolen
from pgward.ca.identity.stolen import Stolen
from pgward.ca.login.attempt import Attempt, DeviceFacts, Given
from pgward.ca.login.engine import Outcome, Started, new_attempt_id
from pgward.ca.login.method import Offer
from pgward.ca.service import auth, strict
from pgward.ca.service.context import Context, Current
from pgward.ca.service.login_models import (
    Continuation,
    DeviceInfo,
    Done,
    LoginRequest,
    MethodInfo,
    MethodList,
    More,
)
from pgward.pki.proof import Proof

router = strict.router("login")
Proved = Annotated[Proof, Depends(auth.login_proof)]


@router.get("/login", summary="List the ways to log in")
async def methods(context: Current) -> MethodList:
    """Return every way to log in here, the preferred one first. Anybody may ask."""
    offers = await run_sync(_offers, context)
    return MethodList(methods=[MethodInfo.of(offer) for offer in offers])


@router.post("/login", summary="Begin to log in")
async def login(context: Current, body: LoginRequest, proof: Proved) -> Done | More:
    """Start a login session bound to the device's key, or ask for what is missing.

    An unknown user, a wrong password and a blocked user get the same answer (403).
    """
    attempt = Attempt(
        id=new_attempt_id(),
        method=body.method,
        provider=body.provider,
        thumbprint=proof.thumbprint,
        began_at=context.now(),
        device=_device(body.device),
        reason=body.reason,
        given=Given(
            body.user,
            None if body.password is None else body.password.get_secret_value(),
            body.redirect_uri,
        ),
    )
    return await _shown(context, await context.logins.begin(attempt))


@router.post("/login/continue", summary="Go on with a login")
async def proceed(context: Current, body: Continuation, proof: Proved) -> Done | More:
    """Answer what was asked, from the device that began."""
    outcome = await context.logins.answer(body.flow, body.answer, thumbprint=proof.thumbprint)
    return await _shown(context, outcome)


def _device(info: DeviceInfo) -> DeviceFacts:
    posture = None if info.posture is None else info.posture.model_dump()
    return DeviceFacts(info.name, info.token, posture)


async def _shown(context: Context, outcome: Outcome) -> Done | More:
    if not isinstance(outcome, Started):
        return More.of(outcome)
    found = await run_sync(_stolen, context, outcome.session.user.name)
    return Done.of(outcome, [] if found is None else [found.told])


def _stolen(context: Context, name: str) -> Stolen | None:
    with context.store.read() as connection:
        return stolen.find(connection, name, context.now())


def _offers(context: Context) -> list[Offer]:
    with context.store.read() as connection:
        return context.logins.methods.offers(connection)
