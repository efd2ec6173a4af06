"""``/sign-in``: the login conversation in a browser, by every method and through every gate.

The conversation is the API's: `pgward.ca.login.engine` leads it, and each question is a form. What
must be remembered travels sealed in the form, or in a cookie while the browser is elsewhere.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Query, Response
from pydantic import Field, SecretStr

from pgward.ca.identity import sessions, stolen
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login import way_back
from pgward.ca.login.attempt import Attempt, DeviceFacts, Given
from pgward.ca.login.engine import Outcome, Started, new_attempt_id
from pgward.ca.service import errors
from pgward.ca.service.routes import login_sessions
from pgward.ca.service.routes import me as people
from pgward.core.errors import (
    DeniedError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
    TooManyRequestsError,
)
from pgward.portal.pages import elsewhere, questions, step_up, visiting
from pgward.portal.pages.elsewhere import Errand
from pgward.portal.pages.questions import Answer, Question
from pgward.portal.web import next_page, route
from pgward.portal.web.browser import FLOW, SESSION, forget, keep
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Guest, Signed

router = route.router()
_DEVICE_CODES = "oidc-device"  # for those who have no browser at hand
_Next = Annotated[str, Query(alias="next", max_length=2000)]
_REFUSALS = (DeniedError, InvalidInputError, TooManyRequestsError)


class Begin(Form):
    """How somebody signs in."""

    method: Annotated[str, Field(max_length=32)]
    provider: Annotated[str, Field(max_length=253)] = ""
    user: Annotated[str, Field(max_length=253)] = ""
    password: Annotated[SecretStr, Field(max_length=4096)] = SecretStr("")
    next: Annotated[str, Field(max_length=2000)] = ""


@router.get("/sign-in")
def ways(frame: Guest, wanted: _Next = "") -> Response:
    """Show every way to sign in; at the address to which browsers come back from elsewhere."""
    page = way_back.origin(frame.context.desk.settings)
    if frame.origin != page:
        path = frame.request.url.path
        query = f"?{frame.request.url.query}" if frame.request.url.query else ""
        return frame.go(f"{page}{path}{query}")
    return _ways(frame, wanted)


@router.post("/sign-in")
async def begin(frame: Guest) -> Response:
    """Begin to sign in."""
    return await begun(frame, frame.form(Begin))


async def begun(frame: Frame, form: Begin) -> Response:
    """Begin to sign in as a form says, of this page or of one that knows who it is."""
    attempt = Attempt(
        id=new_attempt_id(),
        method=form.method,
        provider=form.provider or None,
        thumbprint=frame.browser.thumbprint,
        began_at=frame.context.now(),
        device=DeviceFacts(frame.browser.name),
        given=Given(
            form.user or None,
            form.password.get_secret_value() or None,
            way_back.own(frame.context.desk.settings),
        ),
    )
    try:
        outcome = await frame.context.logins.begin(attempt)
    except _REFUSALS as error:
        return await run_sync(_ways, frame, form.next, error, form.user)
    return await _went_on(frame, outcome, form.next)


@router.post("/sign-in/answer")
async def answer(frame: Guest) -> Response:
    """Go on with an answer; a wrong one may be given again."""
    form = frame.form(Answer)
    try:
        outcome = await _answered(frame, form.flow, questions.answer_of(form))
    except _REFUSALS as error:
        return await run_sync(_ask, frame, form.question, form.next, error)
    return await _went_on(frame, outcome, form.next)


@router.get(way_back.PAGE)
async def back(frame: Guest) -> Response:
    """Take what a browser brings back from an identity provider."""
    errand, brought = Errand.of(frame.request), dict(frame.request.query_params)
    if errand is not None and errand.service:
        return await step_up.back(frame, errand, brought)
    wanted = "" if errand is None else errand.wanted
    try:
        if errand is None:
            raise DeniedError("this browser has begun no sign-in, or it took too long")
        outcome = await _answered(frame, errand.flow, brought)
    except _REFUSALS as error:
        response: Response = await run_sync(_ways, frame, wanted, error)
    else:
        response = await _went_on(frame, outcome, wanted)
    forget(response, FLOW)
    return response


@router.post("/sign-out")
async def sign_out(frame: Signed) -> Response:
    """End the login session, and say what it leaves at an identity provider."""
    ended = await people.logout(frame.context, frame.me)
    there = ended.provider_login
    response = frame.show("signed_out.html", there=there)
    forget(response, SESSION)
    return response


async def _answered(frame: Frame, flow: str, given: Mapping[str, Any]) -> Outcome:
    return await frame.context.logins.answer(flow, given, thumbprint=frame.browser.thumbprint)


async def _went_on(frame: Frame, outcome: Outcome, wanted: str) -> Response:
    if isinstance(outcome, Started):
        return await run_sync(_started, frame, outcome, wanted)
    question = Question.of(outcome)
    if question.kind != "browser" or question.visit is not None:
        return await run_sync(_ask, frame, question, wanted)
    return elsewhere.send(frame, question.facts["url"], Errand(question.flow, wanted))


def _started(frame: Frame, started: Started, wanted: str) -> Response:
    """Have the browser keep the token, and let it in; one that was copied elsewhere is told."""
    context, session = frame.context, started.session
    _end_former(frame, session)
    with context.store.read() as connection:
        found = stolen.find(connection, session.user.name, context.now())
    page = next_page.checked(wanted)
    response = frame.go(page) if found is None else frame.go(page, found.told, "warning")
    seconds = int((session.expires_at - context.now()).total_seconds())
    keep(response, SESSION, started.token, seconds=max(seconds, 1))
    return response


def _end_former(frame: Frame, session: LoginSession) -> None:
    """End the session whose token this browser kept until now: nobody will have it again."""
    token, now = frame.request.cookies.get(SESSION, ""), frame.context.now()
    with frame.context.store.read() as connection:
        former = sessions.find(connection, token, now) if token else None
    if former is None or former.thumbprint != session.thumbprint or former.id == session.id:
        return
    with suppress(NotFoundError):  # ended in the meantime
        login_sessions.end_mine(frame.context, former, former.id)


def _ask(
    frame: Frame, question: Question, wanted: str, problem: PgwardError | None = None
) -> Response:
    """Show a question, after a wrong answer once more."""
    options = None if question.visit is None else visiting.to_use(frame, question.visit)
    return frame.show(
        "question.html",
        status=200 if problem is None else errors.status(problem),
        question=question,
        facts_text=json.dumps(dict(question.facts)),
        options=options,
        page=way_back.own(frame.context.desk.settings),
        wanted=next_page.checked(wanted),
        problem=problem,
    )


def _ways(
    frame: Frame, wanted: str, problem: PgwardError | None = None, user: str = ""
) -> Response:
    with frame.context.store.read() as connection:
        offers = frame.context.logins.methods.offers(connection)
    typed = [each for each in offers if "password" in each.needs]
    pressed = [each for each in offers if not each.needs or "redirect_uri" in each.needs]
    return frame.show(
        "sign_in.html",
        status=200 if problem is None else errors.status(problem),
        typed=typed,
        pressed=[each for each in pressed if each.method != _DEVICE_CODES],
        wanted=next_page.checked(wanted),
        problem=problem,
        user=user,
    )
