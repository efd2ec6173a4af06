"""``/databases/NAME/step-up``: a fresh second factor for a service that asks for one.

By a code; other factors are given to `pgward step-up` in a terminal.
"""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Path, Response
from pydantic import Field

from pgward.ca.login.flows import MAX_LENGTH
from pgward.ca.service import errors
from pgward.ca.service.login_models import Continuation, More
from pgward.ca.service.routes import step_up
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    PgwardError,
    TooManyRequestsError,
)
from pgward.portal.pages import questions
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Signed

router = route.router()
_REFUSALS = (ConflictError, DeniedError, InvalidInputError, TooManyRequestsError)
_CODES = frozenset({"totp", "recovery"})
_Name = Annotated[str, Path(max_length=63)]


class Begin(Form):
    """Nothing but the wish."""


class Answer(Form):
    """The code, and the sealed conversation that it belongs to."""

    flow: Annotated[str, Field(max_length=MAX_LENGTH)]
    code: Annotated[str, Field(max_length=100)]


@router.post("/databases/{service}/step-up")
async def begin(frame: Signed, service: _Name) -> Response:
    """Ask for a factor that the service accepts."""
    frame.form(Begin)
    body = forms.checked(step_up.StepUpRequest, {"service": service})
    asked = await step_up.begin(frame.context, frame.me, body)
    return await run_sync(_ask, frame, service, asked)


@router.post("/databases/{service}/step-up/answer")
async def answer(frame: Signed, service: _Name) -> Response:
    """Take the code; after a wrong one the conversation begins anew."""
    form = frame.form(Answer)
    given: dict[str, Any] = {"flow": form.flow, "answer": questions.code_of(form.code)}
    try:
        body = forms.checked(Continuation, given)
        came = await step_up.proceed(frame.context, frame.me, body)
    except _REFUSALS as error:
        again = forms.checked(step_up.StepUpRequest, {"service": service})
        asked = await step_up.begin(frame.context, frame.me, again)
        return await run_sync(_ask, frame, service, asked, error)
    if isinstance(came, More):
        return await run_sync(_ask, frame, service, came)
    return frame.go(f"/databases/{came.service}", "Your second factor counts now.")


def _ask(frame: Frame, service: str, asked: More, problem: PgwardError | None = None) -> Response:
    factors = frozenset(asked.ask.facts.get("factors", ()))
    return frame.show(
        "step_up.html",
        status=200 if problem is None else errors.status(problem),
        service=service,
        flow=asked.flow,
        by_code=bool(factors & _CODES),
        problem=problem,
    )
