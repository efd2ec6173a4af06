"""``/requests``: asking for access, following it, and deciding about what others ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Path, Response
from pydantic import Field

from pgward.ca.resources.durations import duration
from pgward.ca.service import errors
from pgward.ca.service.access_models import (
    ActBody,
    AskBody,
    ExtendBody,
    GrantModel,
    OfferModel,
    RequestModel,
)
from pgward.ca.service.routes import access_plans, access_requests
from pgward.client.access import objects, words
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
)
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Signed

router = route.router()
_REFUSALS = (ConflictError, DeniedError, InvalidInputError)
_MOST = 100
_MOST_OFFERED = 24
_PLAN_SECONDS = 10.0
Id = access_requests.Id
_Name = Annotated[str, Path(max_length=63)]
_Reason = Annotated[str, Field(max_length=500)]


class Ask(Form):
    """What somebody asks for: the flow that offers it, and a choice of what it offers."""

    flow: Annotated[str, Field(max_length=253)]
    bundle: list[str] = Field(default=[], max_length=100)
    role: list[str] = Field(default=[], max_length=100)
    on: Annotated[str, Field(max_length=10_000)] = ""
    length: Annotated[str, Field(max_length=20)] = ""
    reason: _Reason = ""
    break_glass: bool = False

    def body(self, service: str) -> AskBody:
        """Return it as the API takes it; raise InvalidInputError."""
        lines = [each for each in self.on.splitlines() if each.strip()]
        given = {
            "service": service,
            "bundles": self.bundle,
            "roles": self.role,
            "privileges": [objects.read(each).to_json() for each in lines],
            "seconds": int(duration(self.length.strip()).total_seconds()) if self.length else None,
            "reason": self.reason,
            "break_glass": self.break_glass,
            "flow": self.flow,
        }
        return forms.checked(AskBody, given)


class Act(Form):
    """What is done with a request, and why."""

    act: Annotated[str, Field(max_length=20)]
    reason: _Reason = ""
    version: int | None = None
    length: Annotated[str, Field(max_length=20)] = ""


@router.get("/requests")
def every(frame: Signed) -> Response:
    """Show what waits for me, what I have asked for, and what I have."""
    context, me = frame.context, frame.me
    to_decide = access_requests.every(context, me, to_decide=True, limit=_MOST).requests
    mine = access_requests.every(context, me, mine=True, limit=_MOST).requests
    granted = access_requests.grants(context, me, mine=True, limit=_MOST).grants
    offered = access_requests.offered(context, me)
    return frame.show(
        "requests.html",
        to_decide=[_told(frame, each) for each in to_decide],
        mine=[_told(frame, each) for each in mine],
        granted=[_told(frame, each) for each in granted],
        offered=offered[:_MOST_OFFERED],
        has_more=len(offered) > _MOST_OFFERED,
    )


@router.get("/requests/new/{service}")
def new(frame: Signed, service: _Name) -> Response:
    """Show what may be asked for on a service."""
    return _new(frame, service)


@router.post("/requests/new/{service}")
def ask(frame: Signed, service: _Name) -> Response:
    """Ask."""
    form = frame.form(Ask)
    try:
        made = access_requests.ask(frame.context, frame.me, form.body(service)).request
    except _REFUSALS as error:
        return _new(frame, service, error, form)
    return frame.go(f"/requests/{made.id}", "Asked." if made.state == "pending" else "Granted.")


@router.get("/requests/{request_id}")
def show(frame: Signed, request_id: Id) -> Response:
    """Show a request, what people said of it, and what whoever looks may do."""
    return _show(frame, request_id)


@router.post("/requests/{request_id}")
def act(frame: Signed, request_id: Id) -> Response:
    """Do something with a request."""
    form = frame.form(Act)
    try:
        told = _act(frame, request_id, form)
    except _REFUSALS as error:
        return _show(frame, request_id, error)
    return frame.go(f"/requests/{request_id}", told)


@router.post("/requests/{request_id}/plan")
async def plan(frame: Signed, request_id: Id) -> Response:
    """Have the connector asked what the request would run, and show it."""
    try:
        await run_sync(access_plans.ask, frame.context, frame.me, request_id)
        found = await access_plans.show(frame.context, frame.me, request_id, _PLAN_SECONDS)
    except _REFUSALS as error:
        return await run_sync(_show, frame, request_id, error)
    return await run_sync(lambda: _show(frame, request_id, plan=found.plan))


def _act(frame: Frame, request_id: str, form: Act) -> str:
    """Do it; return what was done."""
    context, me = frame.context, frame.me
    if form.act == "extend":
        seconds = int(duration(form.length.strip()).total_seconds())
        body = ExtendBody(seconds=seconds, reason=form.reason)
        access_requests.extend(context, me, request_id, body)
        return "Asked for more time."
    if form.act not in _ACTS:
        raise InvalidInputError("there is nothing of that kind to do")
    done, told = _ACTS[form.act]
    done(context, me, request_id, ActBody(reason=form.reason, version=form.version))
    return told


_ACTS = {
    "approve": (access_requests.approve, "You approved it."),
    "deny": (access_requests.deny, "You denied it."),
    "cancel": (access_requests.cancel, "Taken back."),
    "revoke": (access_requests.revoke, "Ended."),
    "acknowledge": (access_requests.acknowledge, "Noted."),
}


def _new(
    frame: Frame, service: str, problem: PgwardError | None = None, form: Ask | None = None
) -> Response:
    offers = access_requests.offers(frame.context, frame.me, service).offers
    if not offers:
        raise NotFoundError(
            f"there is nothing that you may ask for on a service {service!r}",
            hint="the page Requests shows what you may ask for",
        )
    return frame.show(
        "ask.html",
        status=200 if problem is None else errors.status(problem),
        service=service,
        offers=[_offered(each) for each in offers],
        problem=problem,
        form=form,
    )


def _show(
    frame: Frame,
    request_id: str,
    problem: PgwardError | None = None,
    plan: access_plans.PlanModel | None = None,
) -> Response:
    found = access_requests.show(frame.context, frame.me, request_id).request
    shown = _told(frame, found)
    return frame.show(
        "request.html",
        status=200 if problem is None else errors.status(problem),
        request=found,
        shown=shown,
        approvals=words.approvals(shown.of),
        waits_for=words.waits_for(shown.of),
        events=[(parse_rfc3339(at), text) for at, text in words.timeline(shown.of)],
        problem=problem,
        plan=plan,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A request or a grant in words."""

    of: Mapping[str, Any]
    path: str
    what: list[str]
    state: str


def _told(frame: Frame, found: RequestModel | GrantModel) -> Told:
    of = found.model_dump(mode="json")
    say = words.state if isinstance(found, RequestModel) else words.grant_state
    return Told(of, f"/requests/{found.id}", words.what(of), say(of, frame.context.now()))


def _offered(offer: OfferModel) -> Mapping[str, Any]:
    """Return an offer with its rights in words."""
    of = offer.model_dump(mode="json")
    return {
        **of,
        "inside": {each["name"]: words.inside(each) for each in of["bundles"]},
        "objects": [objects.told(each) for each in of["privileges"]],
        "approvals": words.approvals(of),
        "usual": words.seconds(offer.default_seconds),
        "most": words.seconds(offer.max_seconds),
    }
