"""What a request would have run on its server, for those who decide about it."""

import asyncio
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import Query
from pydantic import BaseModel, Field

from pgward.ca.access import asked_plans
from pgward.ca.access.asked_plans import AskedPlan
from pgward.ca.access.requests import AccessRequest
from pgward.ca.access.viewing import Viewer
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.service import strict
from pgward.ca.service.auth import Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Time
from pgward.ca.service.routes.access_requests import Id

router = strict.router("access", prefix=f"{strict.PREFIX}/access")
LONGEST_WAIT = 30
_FAILED = "the connector cannot look at the server"


class PlannedStatement(BaseModel):
    """SQL, or a comment where something else is done; ``database`` is where."""

    database: str
    sql: str


class PlannedProblem(BaseModel):
    """What cannot be given; what is not ``fatal`` is the rest of something that can."""

    text: str
    fatal: bool


class PlanModel(BaseModel):
    """What a request would have run on its server at ``answered_at``, by its connector's word.

    ``more`` are statements that are not shown; ``failure`` is why there is no plan; ``trouble`` is
    what keeps the connector from its server now.
    """

    request: str
    integration: str | None
    state: Literal["unasked", "asked", "there", "failed"]
    asked_at: Time | None = None
    answered_at: Time | None = None
    server_version: int | None = None
    statements: list[PlannedStatement] = Field(default_factory=list)
    more: int = 0
    problems: list[PlannedProblem] = Field(default_factory=list)
    failure: str | None = None
    trouble: str | None = None

    @classmethod
    def of(cls, request: AccessRequest, plan: AskedPlan | None, trouble: str | None) -> "PlanModel":
        """Show it."""
        whose: dict[str, Any] = {
            "request": request.id,
            "integration": request.integration,
            "trouble": trouble,
        }
        if plan is None:
            return cls(**whose, state="unasked")
        whose |= {"asked_at": plan.asked_at, "answered_at": plan.answered_at}
        if plan.answer is None:
            return cls(**whose, state="asked")
        return cls(**whose, **plan.answer, state="failed" if plan.answer["failure"] else "there")


class PlanReply(BaseModel):
    """One plan."""

    plan: PlanModel


@router.post("/requests/{request_id}/plan", summary="Ask what a request would run")
def ask(context: Current, me: Person, request_id: Id) -> PlanReply:
    """Have the connector asked; it looks at the server, and changes nothing there."""
    now = context.now()
    with context.acts.act(me.user.name, "access.plan", request_id) as act:
        act.worth_recording = False
        request = Viewer(act.transaction.connection, me.user, now).one(request_id).request
        asked_plans.ask(act.transaction, request, now=now, by=me.user.name)
    return _shown(context, me, request_id)


@router.get("/requests/{request_id}/plan", summary="Show what a request would run")
async def show(
    context: Current,
    me: Person,
    request_id: Id,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="seconds")] = 0,
) -> PlanReply:
    """Return the answer to what was asked last, as soon as it is there (long poll)."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    while True:
        version = context.changes.version  # first of all: what comes after it is waited for
        found = await run_sync(_shown, context, me, request_id)
        left = deadline - loop.time()
        if found.plan.state != "asked" or left <= 0:
            return found
        if await context.changes.wait(version, left) <= version:
            return found


def _shown(context: Context, me: LoginSession, request_id: str) -> PlanReply:
    with context.store.read() as connection:
        viewer = Viewer(connection, me.user, context.now())
        request = viewer.one(request_id).request
        plan = asked_plans.find(connection, request.id)
        trouble = None
        if request.integration is not None:
            trouble = viewer.trouble(request.integration, request)
        found = PlanModel.of(request, plan, trouble)
        if found.failure is not None and not viewer.hears_all(request):
            found.failure = _FAILED
    return PlanReply(plan=found)
