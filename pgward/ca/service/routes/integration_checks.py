"""Trying a server out: administrators ask, and the integration's connector answers."""

import asyncio
from datetime import datetime
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import Path, Query
from pydantic import BaseModel, Field

from pgward.ca.access import asked_checks, healths, wanted_builder
from pgward.ca.access.asked_checks import AskedCheck
from pgward.ca.catalog.standing import KIND
from pgward.ca.resources import stored
from pgward.ca.resources.integration import IntegrationSpec
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Connector
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Name, Storable, Time
from pgward.core.errors import DeniedError
from pgward.system.safe_text import clean

router = strict.router("machines")
administration = strict.router("machines: administration")
LONGEST_WAIT = 30
_MOST = 20
Integration = Annotated[str, Path(max_length=63)]
Line = Annotated[str, Field(max_length=1000), Storable]
Verdict = Literal["ok", "warning", "problem"]


class FindingBody(Body):
    """One thing that was looked at, and what to do about it if it is not as it should be."""

    check: Annotated[str, Field(max_length=63), Storable]
    verdict: Verdict
    text: Line
    hint: Line | None = None

    def content(self) -> dict[str, str | None]:
        """Return it as people are shown it: names in it are anybody's, and move no cursor."""
        hint = None if self.hint is None else clean(self.hint)
        return {
            "check": clean(self.check),
            "verdict": self.verdict,
            "text": clean(self.text),
            "hint": hint,
        }


class CheckBody(Body):
    """The answer to the question of a ``number``."""

    integration: Name
    number: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    findings: Annotated[list[FindingBody], Field(max_length=_MOST)]


class Wanted(BaseModel):
    """Whether somebody waits for it still."""

    wanted: bool


class FindingInfo(BaseModel):
    """One thing that a connector looked at: `ok`, `warning` or `problem`."""

    check: str
    verdict: Verdict
    text: str
    hint: str | None


class CheckInfo(BaseModel):
    """What was asked last of an integration's connector, and what it found.

    ``state`` is `unasked`, `asked`, `unanswered` (in two minutes) or `there`; ``trouble`` is what
    keeps the connector from answering, as far as it is known.
    """

    integration: str
    state: Literal["unasked", "asked", "unanswered", "there"]
    asked_at: Time | None = None
    asked_by: str | None = None
    answered_at: Time | None = None
    findings: list[FindingInfo] = Field(default_factory=list)
    trouble: str | None = None


@router.post("/connector/check", summary="Tell whether a server can be worked")
def take(context: Current, connector: Connector, body: CheckBody) -> Wanted:
    """Keep what a connector found, for those who asked; it decides nothing."""
    found = [each.content() for each in body.findings]
    with context.store.write() as transaction:
        own = wanted_builder.spec_of(transaction.connection, connector, body.integration)
        if own is None:
            raise DeniedError("this machine is the connector of no such integration")
        wanted = asked_checks.answer(
            transaction, body.integration, body.number, found, now=context.now()
        )
    return Wanted(wanted=wanted)


@administration.post("/integrations/{integration}/check", summary="Have a server tried")
def ask(context: Current, by: Administrator, integration: Integration) -> CheckInfo:
    """Have the integration's connector connect to its server and look; nothing is changed."""
    with context.acts.act(by.user.name, "integration.check", integration) as act:
        found = stored.get(act.transaction.connection, KIND, integration)
        asked_checks.ask(act.transaction, found.name, now=context.now(), by=by.user.name)
    return _shown(context, integration)


@administration.get("/integrations/{integration}/check", summary="Show what a trial found")
async def show(
    context: Current,
    _by: Administrator,
    integration: Integration,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="seconds")] = 0,
) -> CheckInfo:
    """Return what was found last, as soon as the connector has answered (long poll)."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    while True:
        version = context.changes.version  # first of all: what comes after it is waited for
        found = await run_sync(_shown, context, integration)
        left = deadline - loop.time()
        if found.state != "asked" or left <= 0:
            return found
        if await context.changes.wait(version, left) <= version:
            return found


def _shown(context: Context, integration: str) -> CheckInfo:
    now = context.now()
    with context.store.read() as connection:
        resource = stored.get(connection, KIND, integration)
        known = asked_checks.find(connection, integration)
        spec = IntegrationSpec.model_validate(resource.spec)
        trouble = healths.service(connection, integration, spec, now).trouble
    if known is None:
        return CheckInfo(integration=integration, state="unasked", trouble=trouble)
    return CheckInfo(
        integration=integration,
        state=_state(known, now),
        asked_at=known.asked_at,
        asked_by=known.asked_by,
        answered_at=known.answered_at,
        findings=[FindingInfo.model_validate(each) for each in known.findings or ()],
        trouble=trouble,
    )


def _state(known: AskedCheck, now: datetime) -> Literal["asked", "unanswered", "there"]:
    if known.findings is not None:
        return "there"
    return "asked" if known.is_open(now) else "unanswered"
