"""Stepping up: a fresh second factor for a service that asks for one."""

from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import Query
from pydantic import BaseModel

from pgward.ca.login.engine import Asked
from pgward.ca.login.stepping_up import Standing
from pgward.ca.service import strict
from pgward.ca.service.auth import Person
from pgward.ca.service.context import Current
from pgward.ca.service.login_models import Continuation, More
from pgward.ca.service.models import Body, Name, Time

router = strict.router("people")


class StepUpRequest(Body):
    """The service."""

    service: Name


class StepUpState(BaseModel):
    """What a service asks for, and the proof that counts for it now."""

    status: Literal["done"] = "done"
    service: str
    minutes: int
    factors: list[str]
    factor: str | None
    proved_at: Time | None
    proved_until: Time | None

    @classmethod
    def of(cls, standing: Standing) -> "StepUpState":
        """Show how somebody stands."""
        proof = standing.proof
        return cls(
            service=standing.service,
            minutes=standing.rule.minutes,
            factors=list(standing.rule.factors),
            factor=None if proof is None else proof.factor,
            proved_at=None if proof is None else proof.proved_at,
            proved_until=standing.until,
        )


@router.get("/me/step-up", summary="Wait for a step-up")
async def state(
    context: Current,
    session: Person,
    service: Annotated[str, Query(min_length=1, max_length=63)],
    wait: Annotated[float, Query(ge=0, le=30, description="seconds")] = 0,
) -> StepUpState:
    """Tell what the service asks for, as soon as a proof counts or when the time is over."""
    until = context.monotonic() + wait
    while True:
        seen = context.changes.version
        standing = await run_sync(context.step_ups.standing, session, service)
        left = until - context.monotonic()
        if standing.until is not None or left <= 0:
            return StepUpState.of(standing)
        if await context.changes.wait(seen, left) <= seen:  # in vain, or the server stops
            return StepUpState.of(standing)


@router.post("/me/step-up", summary="Begin a step-up")
async def begin(context: Current, session: Person, body: StepUpRequest) -> More:
    """Ask for a second factor that the service accepts. A proof that counts is renewed."""
    asked = await context.step_ups.begin(session, body.service)
    return More.of(asked)


@router.post("/me/step-up/continue", summary="Go on with a step-up")
async def proceed(context: Current, session: Person, body: Continuation) -> StepUpState | More:
    """Answer what was asked, in the login session that began; edges hear of it at once."""
    outcome = await context.step_ups.answer(session, body.flow, body.answer)
    return More.of(outcome) if isinstance(outcome, Asked) else StepUpState.of(outcome)
