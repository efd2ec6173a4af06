"""``/databases/NAME/step-up``: a fresh proof for a service that asks for one.

By a code, a passkey, the password, or a login at the identity provider: whichever the API asks for.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Response
from pydantic import Field, SecretStr

from pgward.ca.login import way_back
from pgward.ca.login.flows import MAX_LENGTH
from pgward.ca.login.passkeys.visits import MAX_LENGTH as MAX_VISIT
from pgward.ca.service import errors
from pgward.ca.service.login_models import Continuation, More
from pgward.ca.service.routes import step_up
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    PgwardError,
    TooManyRequestsError,
    UnavailableError,
)
from pgward.portal.pages import connect, database, elsewhere, questions, visiting
from pgward.portal.pages.elsewhere import Errand
from pgward.portal.pages.questions import Question
from pgward.portal.web import forms, route, visitor
from pgward.portal.web.browser import FLOW, forget
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Signed

router = route.router()
_REFUSALS = (
    ConflictError,
    DeniedError,
    InvalidInputError,
    TooManyRequestsError,
    UnavailableError,
)
_CODES = frozenset({"totp", "recovery"})
_PASSKEY = "webauthn"


class Begin(Form):
    """Nothing but the wish."""


class Answer(Form):
    """A proof, and the sealed conversation that it belongs to.

    ``voucher`` and ``state`` are what a passkey's use has brought.
    """

    flow: Annotated[str, Field(max_length=MAX_LENGTH)]
    code: Annotated[str, Field(max_length=100)] = ""
    password: Annotated[SecretStr, Field(max_length=4096)] = SecretStr("")
    voucher: Annotated[str, Field(max_length=MAX_VISIT)] = ""
    state: Annotated[str, Field(max_length=500)] = ""

    @property
    def given(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        password = self.password.get_secret_value()
        if password:
            return {"password": password}
        if self.voucher:
            return {"factor": _PASSKEY, "code": self.voucher, "state": self.state}
        return dict(questions.code_of(self.code))


@router.post("/databases/{service}/step-up")
async def begin(frame: Signed, service: database.Name) -> Response:
    """Ask for a proof that the service accepts."""
    frame.form(Begin)
    try:
        return await _begin(frame, service)
    except _REFUSALS as error:
        return await run_sync(connect.page, frame, service, error)


@router.post("/databases/{service}/step-up/answer")
async def answer(frame: Signed, service: database.Name) -> Response:
    """Take the proof; after a wrong one the conversation begins anew."""
    form = frame.form(Answer)
    try:
        return await _answer(frame, service, form.flow, form.given)
    except _REFUSALS as error:
        return await _begin(frame, service, error)


async def back(guest: Frame, errand: Errand, brought: Mapping[str, str]) -> Response:
    """Take what a browser brings back from an identity provider; raise LoginNeededError."""
    who = await run_sync(visitor.visitor, guest.context, guest.request)
    frame = replace(guest, who=who, browser=who.browser)
    try:
        response = await _answer(frame, errand.service, errand.flow, dict(brought))
    except _REFUSALS as error:
        response = await run_sync(connect.page, frame, errand.service, error)
    forget(response, FLOW)
    return response


async def _begin(frame: Frame, service: str, problem: PgwardError | None = None) -> Response:
    body = forms.checked(step_up.StepUpRequest, {"service": service})
    asked = await step_up.begin(frame.context, frame.me, body)
    return await _went_on(frame, service, asked, problem)


async def _answer(frame: Frame, service: str, flow: str, given: dict[str, Any]) -> Response:
    body = forms.checked(Continuation, {"flow": flow, "answer": given})
    came = await step_up.proceed(frame.context, frame.me, body)
    if isinstance(came, More):
        return await _went_on(frame, service, came)
    return frame.go(f"/databases/{came.service}", "Your proof counts now.")


async def _went_on(
    frame: Frame, service: str, asked: More, problem: PgwardError | None = None
) -> Response:
    """Show what is asked; at an identity provider, send the browser there."""
    if asked.ask.kind == "redirect":
        there = {"redirect_uri": way_back.own(frame.context.desk.settings)}
        return await _answer(frame, service, asked.flow, there)
    if asked.ask.kind == "browser":
        return elsewhere.send(frame, asked.ask.facts["url"], Errand(asked.flow, service=service))
    return await run_sync(_ask, frame, service, asked, problem)


def _ask(frame: Frame, service: str, asked: More, problem: PgwardError | None) -> Response:
    question = Question(asked.flow, asked.ask.kind, asked.ask.facts)
    factors = frozenset(question.facts.get("factors", ()))
    visit = question.visit if _PASSKEY in factors else None
    return frame.show(
        "step_up.html",
        status=200 if problem is None else errors.status(problem),
        service=service,
        flow=asked.flow,
        kind=question.kind,
        by_code=bool(factors & _CODES),
        visit=visit,
        options=None if visit is None else visiting.to_use(frame, visit),
        page=way_back.own(frame.context.desk.settings),
        problem=problem,
    )
